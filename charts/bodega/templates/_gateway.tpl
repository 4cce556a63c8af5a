{{/* nginx's configuration: the files that every installation of the gateway
has, with their ${NAMES} filled in. Which path goes to which function comes
with them. As JSON, file name to text. */}}
{{- define "bodega.gatewayFiles" -}}
{{- $v := .Values }}
{{- $knative := eq (include "bodega.http" .) "knative" }}
{{- $facts := include "bodega.facts" . | fromJson }}
{{- $set := dict "RUN_DIR" "/run/gateway" "CONF_DIR" "/etc/bodega/gateway" "SITE_DIR" "/srv/site" "LISTEN" "0.0.0.0:8080" "TRUSTED_PROXY" $v.gateway.trustedProxy "RATE_PER_IP" $v.gateway.ratePerIp }}
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
{{- if eq $name "upstreams.conf" }}
{{- if not $f.routes }}{{ $host = "127.0.0.1:9" }}
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
{{- if not $v.payment.existingSecret }}{{ $text = printf "%s%s" $text (include "bodega.payPage" $) }}{{ end }}
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
volumes:
  - name: conf
    configMap: { name: {{ include "bodega.name" .root }}-gateway }
  - name: run
    emptyDir: { sizeLimit: 384Mi }
{{- end }}
