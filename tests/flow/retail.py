"""retail - the invoices of online_retail.csv, read and reckoned without the
shop: which rows are products, what they cost, what each invoice comes to.
Decimal pounds in, whole pence out."""
import csv
import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

PRODUCT_CODE = re.compile(r"\d{5}[A-Za-z]*")
LINES_MAX, QUANTITY_MAX = 50, 999  # of one cart
IMPORT = {"sku": "StockCode", "name": "Description", "price": "UnitPrice",
          "quantity": "Quantity", "currency": "GBP", "encoding": "latin1"}


@dataclass
class Row:
    line: int  # in the file, the header is 1
    invoice: str
    sku: str
    name: str
    quantity: int
    price: int  # pence

    def refused(self):
        """Why this row can't make a product, or None."""
        if not PRODUCT_CODE.fullmatch(self.sku):
            return "no product"
        if self.quantity <= 0:
            return "cancelled or written off"
        if not self.name:
            return "no description"
        if self.price <= 0:
            return "no price"
        return None


@dataclass
class Retail:
    rows: list
    price: dict = field(default_factory=dict)  # pence by sku
    sales: dict = field(default_factory=dict)  # invoice -> {sku: quantity}
    returns: dict = field(default_factory=dict)
    adjustments: list = field(default_factory=list)  # rows
    unsold: list = field(default_factory=list)  # rows nothing can be done with

    def differs(self):
        """Rows that name or price a product otherwise than its first row."""
        first, count = {}, 0
        for row in self.rows:
            if not row.refused():
                is_first = first.setdefault(row.sku, row)
                count += (row.name, row.price) != (is_first.name,
                                                   is_first.price)
        return count

    def total(self, lines):
        return sum(self.price[sku] * n for sku, n in lines.items())


def pence(text):
    amount = Decimal(text) * 100
    if amount != int(amount):
        raise ValueError(f"{text} is not whole pence")
    return int(amount)


def read(data):
    """`data`: the file's bytes."""
    reader = csv.reader(io.StringIO(data.decode("latin-1"), newline=""))
    header = next(reader)
    rows = []
    for values in reader:
        row = dict(zip(header, values))
        rows.append(Row(reader.line_num, row["InvoiceNo"],
                        row["StockCode"], row["Description"].strip(),
                        int(row["Quantity"]), pence(row["UnitPrice"])))
    return sort_out(Retail(rows))


def sort_out(retail):
    sales = defaultdict(Counter)
    returns = defaultdict(Counter)
    for row in retail.rows:
        if not row.refused():
            retail.price.setdefault(row.sku, row.price)
    for row in retail.rows:
        cancelled = row.invoice.startswith("C")
        if cancelled and row.sku in retail.price:
            returns[row.invoice][row.sku] -= row.quantity
        elif not cancelled and not row.refused():
            sales[row.invoice][row.sku] += row.quantity
        elif not cancelled and PRODUCT_CODE.fullmatch(row.sku):
            retail.adjustments.append(row)
        else:
            retail.unsold.append(row)
    retail.sales = {k: dict(v) for k, v in sales.items()}
    retail.returns = {k: dict(v) for k, v in returns.items()}
    return retail


def carts(lines):
    """An invoice as carts: no more lines and no higher quantities than one
    cart takes."""
    pieces = []
    for sku, quantity in lines.items():
        while quantity > 0:
            pieces.append((sku, min(quantity, QUANTITY_MAX)))
            quantity -= pieces[-1][1]
    made = []
    for sku, quantity in pieces:
        cart = next((c for c in made if sku not in c
                     and len(c) < LINES_MAX), None)
        if cart is None:
            cart = {}
            made.append(cart)
        cart[sku] = quantity
    return made


def opening_stock(retail):
    """Just enough of everything for all that happens, and no unit more."""
    need = Counter()
    for invoices in (retail.sales, retail.returns):
        for lines in invoices.values():
            need.update(lines)
    for row in retail.adjustments:
        need[row.sku] += max(0, -row.quantity)
    return {sku: n for sku, n in need.items() if n > 0}
