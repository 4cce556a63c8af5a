"""images-sbom FN VERSION EPOCH ROOT PACKAGES: an image's bill of materials on
standard output, SPDX 2.3 as JSON. PACKAGES names the Debian packages that files
were taken or linked from, one a line. Same input, same bytes."""
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

FIELDS = ("binary:Package", "Version", "Architecture", "source:Package",
          "source:Version", "Homepage")


def debian(names):
    """Facts of installed packages, as dpkg has them."""
    form = "\t".join("${%s}" % field for field in FIELDS) + "\n"
    text = subprocess.run(["dpkg-query", "-W", "-f", form, *names], check=True,
                          capture_output=True, text=True).stdout
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in text.splitlines()]
    return sorted(rows, key=lambda row: row["binary:Package"])


def licenses(name):
    """What the package's copyright file says in a form a program can read."""
    path = pathlib.Path("/usr/share/doc", name.split(":")[0], "copyright")
    text = path.read_text(errors="replace") if path.exists() else ""
    return sorted(set(re.findall(r"^License: *(\S.*?) *$", text, re.M)))


def spdx_id(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]", "-", name)


def package(row):
    name = row["binary:Package"].split(":")[0]
    purl = (f"pkg:deb/debian/{name}@{row['Version'].replace('+', '%2B')}"
            f"?arch={row['Architecture']}")
    out = {
        "SPDXID": spdx_id(name),
        "name": name,
        "versionInfo": row["Version"],
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"{row['source:Package']} {row['source:Version']}",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER",
                          "referenceType": "purl",
                          "referenceLocator": purl}],
    }
    if row["Homepage"]:
        out["homepage"] = row["Homepage"]
    named = licenses(name)
    if named:
        out["licenseComments"] = "Debian's copyright file: " + ", ".join(named)
    return out


def file_row(root, path):
    data = path.read_bytes()
    return {
        "SPDXID": spdx_id("file-" + hashlib.sha1(
            str(path.relative_to(root)).encode()).hexdigest()[:16]),
        "fileName": "./" + str(path.relative_to(root)),
        "checksums": [
            {"algorithm": "SHA1",
             "checksumValue": hashlib.sha1(data).hexdigest()},
            {"algorithm": "SHA256",
             "checksumValue": hashlib.sha256(data).hexdigest()}],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }


def document(fn, version, epoch, root, names):
    files = [file_row(root, p) for p in sorted(root.rglob("*"))
             if p.is_file() and not p.is_symlink()]
    code = hashlib.sha1("".join(sorted(
        f["checksums"][0]["checksumValue"] for f in files)).encode())
    name = f"bodega-{fn}"
    ours = {
        "SPDXID": spdx_id(name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode":
            {"packageVerificationCodeValue": code.hexdigest()},
        "hasFiles": [f["SPDXID"] for f in files],
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "MIT",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "CONTAINER",
    }
    theirs = [package(row) for row in debian(names)]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace":
            f"urn:bodega:{name}:{version}:{code.hexdigest()}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                     time.gmtime(epoch)),
            "creators": ["Tool: bodega-images-sbom"]},
        "packages": [ours, *theirs],
        "files": files,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT",
             "relationshipType": "DESCRIBES",
             "relatedSpdxElement": ours["SPDXID"]},
            *({"spdxElementId": ours["SPDXID"],
               "relationshipType": "CONTAINS",
               "relatedSpdxElement": p["SPDXID"]} for p in theirs)],
    }


def main():
    fn, version, epoch, root, packages = sys.argv[1:]
    names = sorted(set(pathlib.Path(packages).read_text().split()))
    json.dump(document(fn, version, int(epoch), pathlib.Path(root), names),
              sys.stdout, separators=(",", ":"))


main()
