{{/* Names, labels, modes: what everything else refers to. */}}

{{- define "bodega.name" -}}
{{- if contains "bodega" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-bodega{{ end }}
{{- end }}

{{/* Labels of an object; dict root, part. */}}
{{- define "bodega.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/version: {{ include "bodega.version" .root | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: bodega
{{ include "bodega.selector" . }}
{{- end }}

{{- define "bodega.selector" -}}
app.kubernetes.io/name: bodega
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "bodega.version" -}}
{{ .Values.version | default .Chart.AppVersion }}
{{- end }}

{{/* dict root, name, given: an image of ours, unless another is given. */}}
{{- define "bodega.image" -}}
{{ .given | default (printf "%s/bodega-%s:%s" .root.Values.registry .name (include "bodega.version" .root)) }}
{{- end }}

{{/* dict root, name: the address inside the cluster. */}}
{{- define "bodega.host" -}}
{{ include "bodega.name" .root }}-{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{/* A real cluster answers, unlike `helm template` and dry runs. */}}
{{- define "bodega.live" -}}
{{- if lookup "v1" "Namespace" "" .Release.Namespace }}yes{{ end }}
{{- end }}

{{/* knative or none. */}}
{{- define "bodega.http" -}}
{{- $has := .Capabilities.APIVersions.Has "serving.knative.dev/v1" }}
{{- if eq .Values.scaling.http "auto" }}{{ ternary "knative" "none" $has }}
{{- else if and (eq .Values.scaling.http "knative") (not $has) (include "bodega.live" .) }}
{{- fail "scaling.http is knative, but this cluster has no Knative Serving. Install it (https://knative.dev/docs/install/), or set scaling.http to none." }}
{{- else }}{{ .Values.scaling.http }}
{{- end }}
{{- end }}

{{/* keda or none. */}}
{{- define "bodega.workers" -}}
{{- $has := .Capabilities.APIVersions.Has "keda.sh/v1alpha1" }}
{{- if eq .Values.scaling.workers "auto" }}{{ ternary "keda" "none" $has }}
{{- else if and (eq .Values.scaling.workers "keda") (not $has) (include "bodega.live" .) }}
{{- fail "scaling.workers is keda, but this cluster has no KEDA. Install it (helm install keda kedacore/keda -n keda --create-namespace), or set scaling.workers to none." }}
{{- else }}{{ .Values.scaling.workers }}
{{- end }}
{{- end }}

{{/* How the gateway runs: knative or deployment. */}}
{{- define "bodega.gatewayWorkload" -}}
{{- $v := .Values.gateway }}
{{- $routed := has $v.expose (list "ingress" "httproute") }}
{{- $knative := eq (include "bodega.http" .) "knative" }}
{{- if and (eq $v.workload "knative") $routed }}
{{- fail (printf "gateway.expose %s needs gateway.workload deployment: an %s cannot wake a Knative Service by its name. Use gateway.expose domain instead." $v.expose $v.expose) }}
{{- end }}
{{- if and (eq $v.workload "knative") (not $knative) }}
{{- fail "gateway.workload is knative, but scaling.http is none." }}
{{- end }}
{{- $kind := $v.workload }}
{{- if eq $kind "auto" }}
{{- $kind = ternary "knative" "deployment" (and $knative (not $routed)) }}
{{- end }}
{{- if and (eq $v.expose "domain") (ne $kind "knative") }}
{{- fail "gateway.expose domain needs gateway.workload knative." }}
{{- end }}
{{- if and (ne $v.expose "none") (not $v.host) }}
{{- fail (printf "gateway.expose is %s: gateway.host must say for which host." $v.expose) }}
{{- end }}
{{- $kind }}
{{- end }}

{{- define "bodega.publicUrl" -}}
{{- $v := .Values.gateway }}
{{- if .Values.publicUrl }}{{ .Values.publicUrl }}
{{- else if $v.host }}{{ ternary "https" "http" $v.tls.enabled }}://{{ $v.host }}
{{- else }}http://127.0.0.1:8080
{{- end }}
{{- end }}

{{/* What the functions' binaries say of themselves; with a check that the
values name no function that is not there. JSON. */}}
{{- define "bodega.facts" -}}
{{- $facts := .Files.Get "files/functions.json" | fromJson }}
{{- range $name, $fn := .Values.functions }}
{{- if not (hasKey $facts $name) }}
{{- fail (printf "functions.%s: there is no such function; there are %s." $name (keys $facts | sortAlpha | join ", ")) }}
{{- end }}
{{- range $env, $value := $fn.env }}
{{- if not (hasKey (get $facts $name).config $env) }}
{{- fail (printf "functions.%s.env.%s: %s has no such setting; it has %s." $name $env $name (keys (get $facts $name).config | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $facts }}
{{- end }}

{{/* dict root, name, facts: does it answer requests, does it work by itself?
A function whose only work of its own is housekeeping (no query in due.yaml
says when it is due) does it in the pods that answer requests. */}}
{{- define "bodega.serves" -}}
{{- if and .facts.routes (has .name (include "bodega.here" .root | fromJsonArray)) }}yes{{ end }}
{{- end }}
{{- define "bodega.works" -}}
{{- $due := .root.Files.Get "files/due.yaml" | fromYaml }}
{{- if and (not .root.Values.region.home) (or .facts.subscribes (hasKey $due .name)) }}yes{{ end }}
{{- end }}

{{/* Names of the functions that run in this region. */}}
{{- define "bodega.here" -}}
{{- ternary .Values.region.functions (keys .Values.functions) (ne .Values.region.home "") | toJson }}
{{- end }}

{{/* dict root, name, fn, facts, role: the smallest number of pods, outside of
a sale. */}}
{{- define "bodega.min" -}}
{{- $own := ternary .fn.worker .fn.scale (eq .role "worker") | default dict }}
{{- $warm := and (ne .root.Values.preset "idle") (eq .role "http") (has .name (list "checkout" "inventory" "payment")) }}
{{- if hasKey $own "min" }}{{ $own.min }}{{ else }}{{ ternary 1 0 $warm }}{{ end }}
{{- end }}
{{- define "bodega.max" -}}
{{- $own := ternary .fn.worker .fn.scale (eq .role "worker") | default dict }}
{{- max 1 (get $own "max" | default 1 | int) (include "bodega.min" . | int) }}
{{- end }}
{{- define "bodega.gatewayMin" -}}
{{- ternary 0 .Values.gateway.replicas.min (eq .Values.preset "idle") }}
{{- end }}

{{- define "bodega.busUrl" -}}
{{- $own := dict "root" . "name" .Values.bus.kind }}
{{- if eq .Values.bus.kind "nats" }}
{{- if eq .Values.bus.mode "strimzi" }}{{ fail "bus.mode strimzi needs bus.kind kafka." }}{{ end }}
{{- if eq .Values.bus.mode "external" }}{{ required "bus.mode is external: external.nats.url must say where NATS is." .Values.external.nats.url }}
{{- else }}nats://{{ include "bodega.host" $own }}:4222
{{- end }}
{{- else if eq .Values.bus.mode "external" }}{{ required "bus.mode is external: external.kafka.bootstrapServers must say where Kafka is." .Values.external.kafka.bootstrapServers }}
{{- else if eq .Values.bus.mode "strimzi" }}
{{- if and (include "bodega.live" .) (not (.Capabilities.APIVersions.Has "kafka.strimzi.io/v1")) }}
{{- fail "bus.mode is strimzi, but this cluster has no Strimzi operator 1.0 or newer (https://strimzi.io/quickstarts/)." }}
{{- end }}
{{- include "bodega.name" . }}-kafka-bootstrap.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:9092
{{- else }}{{ include "bodega.host" $own }}:9092
{{- end }}
{{- end }}

{{- define "bodega.redisUrl" -}}
{{- if eq .Values.redis.mode "external" -}}
redis://{{ required "redis.mode is external: external.redis.host must say where Redis is." .Values.external.redis.host }}:{{ .Values.external.redis.port }}
{{- else -}}
redis://{{ include "bodega.host" (dict "root" . "name" "redis") }}:6379
{{- end }}
{{- end }}

{{/* Host, port, sslmode and connections of the database, as JSON. */}}
{{- define "bodega.postgres" -}}
{{- $v := .Values }}
{{- if eq $v.postgres.mode "external" }}
{{- $e := $v.external.postgres }}
{{- dict "host" (required "postgres.mode is external: external.postgres.host must say where PostgreSQL is." $e.host) "port" $e.port "sslmode" $e.sslmode "most" $e.maxConnections "says" "external.postgres.maxConnections" "admin" $e.existingSecret | toJson }}
{{- else if eq $v.postgres.mode "cnpg" }}
{{- if and (include "bodega.live" .) (not (.Capabilities.APIVersions.Has "postgresql.cnpg.io/v1")) }}
{{- fail "postgres.mode is cnpg, but this cluster has no CloudNativePG operator (https://cloudnative-pg.io/docs/)." }}
{{- end }}
{{- dict "host" (printf "%s-pg-rw.%s.svc.%s" (include "bodega.name" .) .Release.Namespace $v.clusterDomain) "port" 5432 "sslmode" "require" "most" $v.postgres.maxConnections "says" "postgres.maxConnections" "admin" (printf "%s-pg-superuser" (include "bodega.name" .)) | toJson }}
{{- else }}
{{- dict "host" (include "bodega.host" (dict "root" . "name" "postgres")) "port" 5432 "sslmode" "disable" "most" $v.postgres.maxConnections "says" "postgres.maxConnections" "admin" "" | toJson }}
{{- end }}
{{- end }}

{{/* Every pod may open its pool and one connection to listen on. Ten are left
for the migration, KEDA's queries and people. Fails when they do not fit. */}}
{{- define "bodega.connections" -}}
{{- $facts := include "bodega.facts" . | fromJson }}
{{- $pg := include "bodega.postgres" . | fromJson }}
{{- $sum := 10 }}
{{- range $name, $fn := .Values.functions }}
{{- $f := get $facts $name }}
{{- if has "postgres" $f.uses }}
{{- $one := add1 (get ($fn.env | default dict) "PG_POOL" | default $f.config.PG_POOL | int) }}
{{- $this := dict "root" $ "name" $name "fn" $fn "facts" $f }}
{{- if include "bodega.serves" $this }}
{{- $sum = add $sum (mul $one (include "bodega.max" (set $this "role" "http") | int)) }}
{{- end }}
{{- if include "bodega.works" $this }}
{{- $sum = add $sum (mul $one (include "bodega.max" (set $this "role" "worker") | int)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if gt $sum ($pg.most | int64) }}
{{- fail (printf "at their largest the functions open %d connections to PostgreSQL, but %s is %d: raise it (and the server's max_connections), or lower functions.<name>.scale.max, .worker.max or .env.PG_POOL." $sum $pg.says ($pg.most | int64)) }}
{{- end }}
{{- $sum }}
{{- end }}
