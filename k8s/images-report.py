"""images-report FN ID SBOM: from an image's files (tar on standard input), one
line with its size and what fills it; its bill of materials goes to SBOM."""
import pathlib
import sys
import tarfile


def group(name):
    """What a person would call the part that a file belongs to."""
    base = name.rsplit("/", 1)[-1]
    if ".so" in base:
        return base.split(".so")[0] if not base.startswith("ld-") else "ld"
    for prefix, part in (("usr/lib/python", "python library"),
                         ("srv/", "pages"), ("opt/bodega/", "bodega"),
                         ("etc/ssl/", "CA certificates"), ("sbom", "SBOM")):
        if name.startswith(prefix):
            return part
    return base if name == "bodega" or "/bin/" in name or "sbin" in name \
        else "other"


def main():
    fn, ident, sbom = sys.argv[1:]
    sizes = {}
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
        for entry in tar:
            if entry.name == "sbom.spdx.json":
                data = tar.extractfile(entry).read()
                pathlib.Path(sbom).write_bytes(data)
            if entry.isreg():
                part = group(entry.name)
                sizes[part] = sizes.get(part, 0) + entry.size
    total = sum(sizes.values())
    print(f"{fn}  {total / 1e6:.1f} MB  {ident}")
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    small = sum(size for _, size in ranked[12:])
    row = [f"{part} {size / 1e6:.2f}" for part, size in ranked[:12]]
    print("    " + ", ".join(row + [f"rest {small / 1e6:.2f}"] * (small > 0)),
          flush=True)


main()
