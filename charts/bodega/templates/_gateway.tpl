{{/* nginx's configuration: the files that every installation of the gateway
has, with their ${NAMES} filled in. Which path goes to which function comes
with them. As JSON, file name to text. */}}
{{- define "bodega.gatewayFiles" -}}
{{- $v := .Values }}
{{- $knative := eq (include "bodega.http" .) "knative" }}
{{- $facts := include "bodega.facts" . | fromJson }}
{{- $set := dict "RUN_DIR" "/run/gateway" "CONF_DIR" "/etc/bodega/gateway" "SITE_DIR" "/srv/site" "LISTEN" "0.0.0.0:8080" "TRUSTED_PROXY" $v.gateway.trustedProxy "RATE_PER_IP" $v.gateway.ratePerIp }}
{{- $here := include "bodega.here" . | fromJsonArray }}
{{- $home := urlParse (.Values.region.home | default "http://") }}
{{- $files := dict }}
{{- range $path, $bytes := .Files.Glob "files/gateway/*" }}
{{- $name := base $path | trimSuffix ".template" }}
{{- $text := $.Files.Get $path }}
{{- if hasSuffix ".template" $path }}
{{- range $key, $value := $set }}{{ $text = replace (printf "${%s}" $key) $value $text }}{{ end }}
{{- range $fn, $f := $facts }}
{{- $host := include "bodega.host" (dict "root" $ "name" $fn) }}
{{- /* What a request is sent to is not always what it is addressed to: Knative
tells functions apart by Host. One that answers no requests gets none (502). */}}
{{- $away := not (has $fn $here) }}
{{- if $away }}
{{- $host = $home.host }}
{{- if eq $name "routes.conf" }}
{{- $text = replace (printf "proxy_pass http://%s;" $fn) (include "bodega.toHome" (dict "root" $ "name" $fn)) $text }}
{{- end }}
{{- end }}
{{- if eq $name "upstreams.conf" }}
{{- if $away }}{{ $host = ternary $host (printf "%s:%s" $host (ternary "443" "80" (eq $home.scheme "https"))) (contains ":" $host) }}
{{- else if not $f.routes }}{{ $host = "127.0.0.1:9" }}
{{- else if and $knative $v.knative.gatewayHost }}{{ $host = $v.knative.gatewayHost }}
{{- end }}
{{- end }}
{{- $text = replace (printf "${HOST_%s}" (upper $fn)) $host $text }}
{{- end }}
{{- if regexMatch "\\$\\{[A-Z]" $text }}
{{- fail (printf "%s needs %s, which the chart does not set." $path (regexFind "\\$\\{[A-Z_]+" $text)) }}
{{- end }}
{{- end }}
{{- if eq $name "routes.conf" }}
{{- /* The first request waits for a pod to start; how long the function itself
may take is the function's own affair. */}}
{{- if $knative }}{{ $text = regexReplaceAll "proxy_read_timeout [0-9]+s;" $text "proxy_read_timeout 120s;" }}{{ end }}
{{- if not (or $v.payment.existingSecret $v.region.home) }}{{ $text = printf "%s%s" $text (include "bodega.payPage" $) }}{{ end }}
{{- end }}
{{- $_ := set $files $name $text }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{/* The simulator's payment page, where a shopper's browser finds it. */}}
{{- define "bodega.payPage" }}
location ^~ /c/pay/ {
    set $upstream_host simulator;
    include /etc/bodega/gateway/proxy.conf;
    proxy_pass http://{{ include "bodega.host" (dict "root" . "name" "simulator") }}:7201;
}
{{- end }}

{{/* To the gateway of the home region, whose name its certificate must have. */}}
{{- define "bodega.toHome" -}}
{{- if hasPrefix "https:" .root.Values.region.home -}}
proxy_ssl_server_name on;
    proxy_ssl_name $upstream_host;
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 3;
    proxy_ssl_trusted_certificate /etc/bodega/ca/ca.crt;
    proxy_pass https://{{ .name }};
{{- else -}}
proxy_pass http://{{ .name }};
{{- end }}
{{- end }}

{{- define "bodega.gatewayPod" -}}
{{- $v := .root.Values -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "bodega.pullSecrets" .root }}
containers:
  - name: gateway
    image: {{ include "bodega.image" (dict "root" .root "name" "gateway" "given" "") }}
    imagePullPolicy: {{ $v.imagePullPolicy }}
    command: [nginx, -e, stderr, -c, /etc/bodega/gateway/nginx.conf]
    ports:
      - containerPort: 8080
{{- if not .knative }}
        name: http
{{- end }}
    livenessProbe:
      httpGet: { path: /healthz{{ if not .knative }}, port: http{{ end }} }
    readinessProbe:
      httpGet: { path: /healthz{{ if not .knative }}, port: http{{ end }} }
      periodSeconds: 2
    resources: {{- toYaml $v.gateway.resources | nindent 6 }}
    securityContext: {{- include "bodega.containerSecurity" dict | nindent 6 }}
{{- if not .knative }}
    lifecycle: { preStop: { sleep: { seconds: 5 } } }
{{- end }}
    volumeMounts:
      - { name: conf, mountPath: /etc/bodega/gateway, readOnly: true }
      - { name: run, mountPath: /run/gateway }
{{- if hasPrefix "https:" $v.region.home }}
      - { name: ca, mountPath: /etc/bodega/ca, readOnly: true }
{{- end }}
volumes:
  - name: conf
    configMap: { name: {{ include "bodega.name" .root }}-gateway }
  - name: run
    emptyDir: { sizeLimit: 384Mi }
{{- if hasPrefix "https:" $v.region.home }}
  - name: ca
    secret:
      secretName: {{ required "region.home is https: region.caSecret must name the Secret with the ca.crt that signs it." $v.region.caSecret }}
      items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end }}
