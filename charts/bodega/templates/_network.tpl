{{/* Peers of network policies. */}}

{{- define "bodega.mine" -}}
app.kubernetes.io/name: bodega
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* list root, role, ... */}}
{{- define "bodega.roles" -}}
- podSelector:
    matchLabels: {{- include "bodega.mine" (first .) | nindent 6 }}
    matchExpressions: [{ key: bodega.example/role, operator: In, values: [{{ rest . | join ", " }}] }]
{{- end }}

{{- define "bodega.namespaces" -}}
- namespaceSelector:
    matchExpressions: [{ key: kubernetes.io/metadata.name, operator: In, values: [{{ join ", " . }}] }]
{{- end }}

{{/* Stores that are not ours: by their ports, since a policy knows no names of
hosts. Those an operator runs here are pods of this namespace. */}}
{{- define "bodega.outside" -}}
{{- $v := .Values }}
{{- if eq $v.postgres.mode "external" }}
- ports: [{ port: {{ $v.external.postgres.port }} }]
{{- else if eq $v.postgres.mode "cnpg" }}
- to: [{ podSelector: { matchLabels: { cnpg.io/cluster: {{ include "bodega.name" . }}-pg } } }]
{{- end }}
{{- if eq $v.redis.mode "external" }}
- ports: [{ port: {{ $v.external.redis.port }} }]
{{- end }}
{{- if eq $v.bus.mode "external" }}
{{- range (include "bodega.busUrl" . | trimPrefix "nats://" | splitList ",") }}
- ports: [{ port: {{ splitList ":" . | rest | first | default (ternary 4222 9092 (eq $v.bus.kind "nats")) }} }]
{{- end }}
{{- else if eq $v.bus.mode "strimzi" }}
- to: [{ podSelector: { matchLabels: { strimzi.io/cluster: {{ include "bodega.name" . }}-kafka } } }]
{{- end }}
{{- end }}
