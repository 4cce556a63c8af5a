"""openfaas - what clients of OpenFaaS read from the gateway, and what they
would like to do through it but do with Helm."""
import json

import stack

CHART = "helm upgrade --install bodega charts/bodega"

# Which function there is, how many of it and with which secrets is the chart's
# affair: {path: (methods that can be asked, why the others cannot)}. Only a
# GET has an answer, where there is one.
ELSEWHERE = {
    "/system/functions":
        ("GET, HEAD",
         "functions are installed, changed and removed with the chart: "
         f"{CHART} --values values.yaml, or helm uninstall bodega"),
    "/system/scale-function/":
        ("", "how many there are is a value of the chart: "
         f"{CHART} --reuse-values --set functions.NAME.scale.max=N"),
    "/system/secrets":
        ("GET, HEAD",
         "secrets are kept by the chart, or named to it: "
         f"{CHART} --reuse-values --set secrets.existingSecret=NAME"),
    "/system/namespaces":
        ("GET, HEAD", "the chart installs into one namespace: "
         f"{CHART} --create-namespace --namespace NAME"),
    "/system/namespace/":
        ("", "the chart installs into one namespace: "
         f"{CHART} --create-namespace --namespace NAME"),
    "/system/logs":
        ("", "logs are read where the pods are: "
         "kubectl logs -l app.kubernetes.io/part-of=bodega"),
}

# The namespace that clients ask for when they are told none. Any is taken.
NAMESPACE = "openfaas-fn"


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def status(function):
    """faas-provider's FunctionStatus. What only a running system knows (age,
    use, invocations) is left out; one replica means that it answers, if it
    sleeps after waking up."""
    return {
        "name": function["name"], "image": stack.image(function["name"]),
        "namespace": NAMESPACE,
        "labels": stack.labels(function),
        "annotations": stack.annotations(function),
        "secrets": stack.secret_names(function),
        "limits": stack.LIMITS, "requests": stack.REQUESTS,
        "readOnlyRootFilesystem": True,
        "replicas": 1, "availableReplicas": 1,
    }


def functions_json(functions):
    return json.dumps([status(function) for function in functions],
                      indent=2) + "\n"


def info():
    version = {"release": stack.version(), "sha": ""}
    return {"provider": {"provider": "bodega", "orchestration": "helm",
                         "version": version}, "version": version}


def refusal(number, allowed, detail, base, title):
    """nginx leaves out a header that is empty, and Allow must be there."""
    body = compact({"type": base + "method-not-allowed", "title": title,
                    "status": 405, "detail": detail,
                    "instance": "$request_id", "code": "method-not-allowed"})
    return f"""location = /_problem/system/{number} {{
    internal;
    include ${{CONF_DIR}}/headers.conf;
    add_header Cache-Control no-store always;
    add_header Allow "{allowed or ' '}" always;
    default_type application/problem+json;
    return 405 '{body}';
}}
"""


def location(path, number, allowed, answer):
    """`path` ending in a slash stands for all below it."""
    match = f"^~ {path}" if path.endswith("/") else f"= {path}"
    if allowed:
        what = f"""    if ($request_method !~ "^(GET|HEAD)$") {{
        return 405;
    }}
    include ${{CONF_DIR}}/headers.conf;
    default_type application/json;
{answer}"""
    else:
        what = "    return 405;\n"
    return f"""location {match} {{
    error_page 405 /_problem/system/{number};
{what}}}
"""


def text(value):
    return f"    return 200 '{compact(value)}';\n"


def names(functions):
    return sorted({name for function in functions
                   for name in stack.secret_names(function)})


def system(functions, note, base, title):
    """Locations below /system/. No password is asked for: what is read here
    is in the chart for everybody, and nothing can be written."""
    answers = {
        "/system/functions": "    alias ${CONF_DIR}/functions.json;\n",
        "/system/secrets": text([{"name": name, "namespace": NAMESPACE}
                                 for name in names(functions)]),
        "/system/namespaces": text([NAMESPACE]),
    }
    lines = [note]
    for number, (path, (allowed, why)) in enumerate(ELSEWHERE.items()):
        lines.append(refusal(number, allowed, why, base, title))
        lines.append(location(path, number, allowed, answers.get(path)))
    lines.append(location("/system/info", 0, "GET, HEAD", text(info())))
    for function in functions:
        lines.append(location("/system/function/" + function["name"], 0,
                              "GET, HEAD", text(status(function))))
    return "".join(lines)


# ---- calls --------------------------------------------------------------

def by_name(name):
    """/function/<name>[.<namespace>][/path] as OpenFaaS clients call it. What
    functions keep among themselves stays out of reach."""
    head = f"/function/{name}(?:\\.[a-z0-9-]+)?"
    return f"""location ~ "^{head}/(?:internal|metrics)(?:/|$)" {{
    return 404;
}}
location ~ "^{head}(?:/|$)" {{
    set $upstream_host ${{HOST_{name.upper()}}};
    include ${{CONF_DIR}}/proxy.conf;
    proxy_set_header Content-Type $function_content_type;
    client_max_body_size 32m;
    gzip off;
    proxy_read_timeout 65s;
    rewrite "^/function/[^/]+(/.*)$" $1 break;
    rewrite ^ / break;
    proxy_pass http://{name};
}}
"""


def later_pattern(functions):
    callees = "|".join(function["name"] for function in functions
                       if function["name"] != "async")
    return f"^/async-function/(?<callee>{callees})(?:\\.[a-z0-9-]+)?(?:/|$)"


def later(functions):
    """/async-function/<name>[.<namespace>][/path]: `async` gets the name as
    its path and the rest in headers."""
    return f"""location ~ "{later_pattern(functions)}" {{
    if ($request_method != POST) {{
        return 405;
    }}
    set $upstream_host ${{HOST_ASYNC}};
    include ${{CONF_DIR}}/proxy.conf;
    proxy_set_header Call-Path $call_path;
    proxy_set_header Call-Type $function_content_type;
    proxy_set_header Call-Accept $http_accept;
    proxy_set_header Content-Type application/octet-stream;
    proxy_set_header Accept "";
    client_max_body_size 256k;
    gzip off;
    proxy_read_timeout 15s;
    rewrite ^ /async-function/$callee? break;
    proxy_pass http://async;
}}
"""
