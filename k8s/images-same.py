"""images-same NAME EPOCH: an image from `docker save` on standard input, the
same image for `docker load` on standard output, with nothing in it that differs
between two builds: one layer, files in order of their names, owned by root,
all times EPOCH (seconds), and a configuration without the builder's notes.
Docker alone stamps every layer and step with the time of the build."""
import hashlib
import io
import json
import sys
import tarfile
import time

KEPT = ("architecture", "os", "variant")


def files(image, layers):
    """Name to (entry, bytes). A later layer's file replaces an earlier one's;
    our images never delete any."""
    found = {}
    for layer in layers:
        with tarfile.open(fileobj=image.extractfile(layer)) as tar:
            for entry in tar:
                if entry.name.split("/")[-1].startswith(".wh."):
                    sys.exit(f"images-same: {entry.name}: a deleted file")
                data = tar.extractfile(entry).read() if entry.isreg() else b""
                if entry.islnk():
                    sys.exit(f"images-same: {entry.name}: a hard link")
                found[entry.name.strip("./")] = (entry, data)
    found.pop("", None)
    return found


def layer_of(found, epoch):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(found):
            entry, data = found[name]
            same = tarfile.TarInfo(name)
            same.type, same.mode = entry.type, entry.mode & 0o7777
            same.linkname, same.size = entry.linkname, len(data)
            same.mtime = epoch
            tar.addfile(same, io.BytesIO(data))
    return out.getvalue()


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def config_of(old, layer, epoch):
    wanted = ("User", "Env", "Entrypoint", "Cmd", "Labels", "ExposedPorts",
              "StopSignal", "WorkingDir")
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    new = {key: old[key] for key in KEPT if key in old}
    new["created"] = when
    new["config"] = {key: old["config"][key] for key in wanted
                     if old["config"].get(key)}
    new["rootfs"] = {"type": "layers", "diff_ids":
                     ["sha256:" + hashlib.sha256(layer).hexdigest()]}
    new["history"] = [{"created": when, "created_by": "Dockerfile"}]
    return dump(new)


def main():
    name, epoch = sys.argv[1], int(sys.argv[2])
    image = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
    about = json.load(image.extractfile("manifest.json"))[0]
    layer = layer_of(files(image, about["Layers"]), epoch)
    config = config_of(json.load(image.extractfile(about["Config"])), layer,
                       epoch)
    ident = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": ident + ".json", "RepoTags": [name],
                 "Layers": [ident + "/layer.tar"]}]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as out:
        for path, data in ((ident + ".json", config),
                           (ident + "/layer.tar", layer),
                           ("manifest.json", dump(manifest))):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))


main()
