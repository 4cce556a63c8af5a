/* email_text - see email_text.h. Mail programs read HTML as of twenty years
 * ago: tables, inline styles, nothing loaded from elsewhere. Colours are set in
 * pairs, and the dark ones by the one media query that most programs know. */
#include "email/email_text.h"

#define MONEY_CAP 40

/* ---- pieces ------------------------------------------------------------ */

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Plain text of one line or, with `lines`, of several. */
static void add_text(struct buf *b, const char *s, bool lines)
{
    for (; *s; s++) {
        if (*s == '\n' && lines)
            buf_char(b, '\n');
        else if (!is_control(*s))
            buf_char(b, *s);
    }
}

static void add_html(struct buf *b, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            buf_str(b, "&amp;");
            break;
        case '<':
            buf_str(b, "&lt;");
            break;
        case '>':
            buf_str(b, "&gt;");
            break;
        case '"':
            buf_str(b, "&quot;");
            break;
        case '\'':
            buf_str(b, "&#39;");
            break;
        case '\n':
            buf_str(b, "<br>\n");
            break;
        default:
            if (!is_control(*s))
                buf_char(b, *s);
        }
    }
}

static bool add_money(struct buf *b, int64_t minor, const char *currency)
{
    char text[MONEY_CAP];

    if (!money_format(minor, currency, text, sizeof(text)))
        return false;
    buf_str(b, text);
    return true;
}

/* The end of the id tells orders apart; its beginning is the time. */
static const char *order_number(const struct order_info *o)
{
    size_t len = strlen(o->order_id);

    return len > 12 ? o->order_id + len - 12 : o->order_id;
}

static const char *headline(const struct letter *l)
{
    return l->refund ? "Your money is on its way back" : "Thank you!";
}

static const char *lead(const struct letter *l)
{
    return l->refund
               ? "We have sent the whole amount back to the card or account "
                 "you "
                 "paid with. Banks take a few days to show it."
               : "Your payment arrived and your order is confirmed. This mail "
                 "is your receipt.";
}

/* ---- text -------------------------------------------------------------- */

static bool text_lines(struct buf *b, const struct order_info *o)
{
    for (size_t i = 0; i < o->line_count; i++) {
        const struct order_line *l = &o->lines[i];

        buf_printf(b, "%lld x ", (long long)l->quantity);
        add_text(b, l->name, false);
        buf_str(b, "\n    ");
        if (!add_money(b, l->unit_price, o->currency))
            return false;
        buf_str(b, " each, ");
        if (!add_money(b, l->line_total, o->currency))
            return false;
        buf_char(b, '\n');
    }
    buf_str(b, "\nTotal: ");
    return add_money(b, o->total, o->currency);
}

static bool write_text(struct buf *b, const struct letter *l)
{
    const struct order_info *o = l->order;

    buf_str(b, headline(l));
    buf_str(b, "\n\nDear ");
    add_text(b, o->name, false);
    buf_printf(b, ",\n\n%s\n", lead(l));
    if (l->reason && *l->reason) {
        buf_str(b, "Reason: ");
        add_text(b, l->reason, false);
        buf_char(b, '\n');
    }
    buf_str(b, "\nOrder ");
    add_text(b, o->order_id, false);
    buf_str(b, "\n\n");
    if (!text_lines(b, o))
        return false;
    if (!l->refund) {
        buf_str(b, "\n\nWe send it to:\n");
        add_text(b, o->name, false);
        buf_char(b, '\n');
        add_text(b, o->address, true);
    }
    buf_printf(b, "\n\nFollow your order: %s\n\n", l->url);
    add_text(b, l->shop, false);
    buf_char(b, '\n');
    return true;
}

/* ---- HTML -------------------------------------------------------------- */

static const char html_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<style>\n"
    "@media (prefers-color-scheme: dark) {\n"
    " .page { background: #1b1815 !important; }\n"
    " .card { background: #262220 !important; color: #f4ede4 !important; }\n"
    " .soft { color: #b9ada0 !important; }\n"
    " .rule { border-color: #443d37 !important; }\n"
    "}\n</style>\n<title>";
static const char html_open[] =
    "</title>\n</head>\n"
    "<body class=\"page\" style=\"margin:0;padding:0;background:#f4ede4\">\n"
    "<table role=\"presentation\" class=\"page\" width=\"100%\" "
    "cellpadding=\"0\" cellspacing=\"0\" style=\"background:#f4ede4\"><tr>"
    "<td align=\"center\" style=\"padding:32px 12px\">\n"
    "<table role=\"presentation\" class=\"card\" width=\"100%\" "
    "cellpadding=\"0\" cellspacing=\"0\" style=\"max-width:560px;"
    "background:#fffdf9;color:#26201a;border-radius:14px;"
    "font:16px/1.5 Helvetica,Arial,sans-serif\">\n"
    "<tr><td style=\"padding:32px 32px 8px\">";
static const char html_row[] = "<tr><td class=\"rule\" style=\"padding:10px 0;"
                               "border-top:1px solid #e6dccf\">";
static const char html_amount[] =
    "</td><td class=\"rule\" align=\"right\" style=\"padding:10px 0;"
    "border-top:1px solid #e6dccf;white-space:nowrap\">";
static const char html_close[] =
    "</td></tr>\n</table>\n</td></tr></table>\n</body>\n</html>\n";

static bool html_line(struct buf *b, const struct order_info *o,
                      const struct order_line *l)
{
    buf_str(b, html_row);
    add_html(b, l->name);
    buf_printf(b,
               "<br><span class=\"soft\" style=\"color:#75695c;"
               "font-size:14px\">%lld &times; ",
               (long long)l->quantity);
    if (!add_money(b, l->unit_price, o->currency))
        return false;
    buf_str(b, "</span>");
    buf_str(b, html_amount);
    if (!add_money(b, l->line_total, o->currency))
        return false;
    buf_str(b, "</td></tr>\n");
    return true;
}

static bool html_lines(struct buf *b, const struct order_info *o)
{
    buf_str(b, "<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
               "style=\"font-size:16px;margin:20px 0\">\n");
    for (size_t i = 0; i < o->line_count; i++) {
        if (!html_line(b, o, &o->lines[i]))
            return false;
    }
    buf_str(b, html_row);
    buf_str(b, "<strong>Total</strong>");
    buf_str(b, html_amount);
    buf_str(b, "<strong>");
    if (!add_money(b, o->total, o->currency))
        return false;
    buf_str(b, "</strong></td></tr>\n</table>\n");
    return true;
}

static void html_intro(struct buf *b, const struct letter *l)
{
    const struct order_info *o = l->order;

    buf_str(b, "<p style=\"margin:0;font-weight:bold;color:#c8452f\">");
    add_html(b, l->shop);
    buf_printf(b,
               "</p>\n<h1 style=\"margin:16px 0 8px;font-size:26px;"
               "line-height:1.2\">%s</h1>\n<p style=\"margin:0 0 12px\">Dear ",
               headline(l));
    add_html(b, o->name);
    buf_printf(b, ",</p>\n<p style=\"margin:0 0 12px\">%s</p>\n", lead(l));
    if (l->reason && *l->reason) {
        buf_str(b, "<p style=\"margin:0 0 12px\">Reason: ");
        add_html(b, l->reason);
        buf_str(b, "</p>\n");
    }
    buf_str(b, "<p class=\"soft\" style=\"margin:0;color:#75695c;"
               "font-size:14px\">Order ");
    add_html(b, o->order_id);
    buf_str(b, "</p>\n");
}

static bool write_html(struct buf *b, const struct letter *l,
                       const char *subject)
{
    const struct order_info *o = l->order;

    buf_str(b, html_head);
    add_html(b, subject);
    buf_str(b, html_open);
    html_intro(b, l);
    if (!html_lines(b, o))
        return false;
    if (!l->refund) {
        buf_str(b, "<p style=\"margin:0 0 20px\"><span class=\"soft\" "
                   "style=\"color:#75695c\">We send it to</span><br>\n");
        add_html(b, o->name);
        buf_str(b, "<br>\n");
        add_html(b, o->address);
        buf_str(b, "</p>\n");
    }
    buf_str(b, "<p style=\"margin:0 0 24px\"><a href=\"");
    add_html(b, l->url);
    buf_str(b, "\" style=\"display:inline-block;padding:12px 20px;"
               "background:#c8452f;color:#ffffff;border-radius:10px;"
               "text-decoration:none;font-weight:bold\">"
               "Follow your order</a></p>\n");
    buf_str(b, html_close);
    return true;
}

/* ---- the whole --------------------------------------------------------- */

enum err letter_write(struct arena *a, const struct letter *l, struct mail *ret)
{
    struct buf text, html, subject;

    buf_init(&subject, a);
    buf_str(&subject, l->refund ? "Refund for order " : "Receipt for order ");
    add_text(&subject, order_number(l->order), false);
    buf_init(&text, a);
    buf_init(&html, a);
    if (!write_text(&text, l) || !write_html(&html, l, subject.data))
        return ERR_AMOUNT;
    ret->subject = subject.data;
    ret->text = text.data;
    ret->html = html.data;
    return OK;
}
