{{/* Autoscalers. */}}

{{/* Knative reads these from the revision's template, as strings. dict root,
scale, min, max. */}}
{{- define "bodega.autoscaling" -}}
{{- $s := merge (dict "min" .min "max" .max) (.scale | default dict) .root.Values.knative.scale }}
autoscaling.knative.dev/class: kpa.autoscaling.knative.dev
{{- range $key, $annotation := dict
  "metric" "metric" "target" "target"
  "utilization" "target-utilization-percentage"
  "min" "min-scale" "max" "max-scale"
  "initial" "initial-scale" "activation" "activation-scale"
  "downDelay" "scale-down-delay" "window" "window"
  "retention" "scale-to-zero-pod-retention-period"
  "panicWindow" "panic-window-percentage"
  "panicThreshold" "panic-threshold-percentage"
  "burst" "target-burst-capacity" }}
{{- if hasKey $s $key }}
autoscaling.knative.dev/{{ $annotation }}: {{ get $s $key | toString | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* dict root, part, min, max. */}}
{{- define "bodega.hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "bodega.name" .root }}-{{ .part }}
  labels: {{- include "bodega.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "bodega.name" .root }}-{{ .part }}
  minReplicas: {{ .min }}
  maxReplicas: {{ max .min .max }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ .root.Values.scaling.cpuPercent }} }
  behavior:
    scaleUp: { stabilizationWindowSeconds: 0 }
    scaleDown: { stabilizationWindowSeconds: 120 }
{{- end }}

{{/* One trigger per topic, and one for what is due. A list, for a ScaledObject.
dict root, name, facts. */}}
{{- define "bodega.triggers" -}}
{{- $v := .root.Values }}
{{- range include "bodega.topics" . | fromJsonArray }}
{{- if eq $v.bus.kind "kafka" }}
- type: kafka
  metadata:
    bootstrapServers: {{ include "bodega.busUrl" $.root | quote }}
    consumerGroup: {{ $.name }}
    topic: bodega.{{ . }}
    lagThreshold: {{ $v.keda.lag | quote }}
    activationLagThreshold: "0"
    # As the consumers do: else the first event ever wakes nobody.
    offsetResetPolicy: earliest
    # One busy partition keeps one pod busy, not eight.
    limitToPartitionsWithLag: "true"
    version: "2.1.0"
{{- else }}
- type: nats-jetstream
  metadata:
    natsServerMonitoringEndpoint: {{ include "bodega.natsMonitor" $.root | quote }}
    account: "$G"
    stream: BODEGA
    consumer: {{ $.name }}-{{ replace "." "_" . }}
    lagThreshold: {{ $v.keda.lag | quote }}
    activationLagThreshold: "0"
{{- end }}
{{- end }}
{{- with get (.root.Files.Get "files/due.yaml" | fromYaml) .name }}
- type: postgresql
  metadata:
    query: {{ . | quote }}
    targetQueryValue: {{ $v.keda.lag | quote }}
    activationTargetQueryValue: "0"
  authenticationRef:
    name: {{ include "bodega.name" $.root }}-{{ $.name }}
{{- end }}
{{- if eq $v.preset "sale" }}
- type: cron
  metadata:
    timezone: {{ $v.sale.timezone }}
    start: {{ $v.sale.start | quote }}
    end: {{ $v.sale.end | quote }}
    desiredReplicas: {{ $v.sale.worker | quote }}
{{- end }}
{{- end }}

{{- define "bodega.natsMonitor" -}}
{{- if eq .Values.bus.mode "external" }}
{{- required "bus.mode is external: external.nats.monitor must say where KEDA can ask NATS for the lag, as host:8222." .Values.external.nats.monitor }}
{{- else }}{{ include "bodega.host" (dict "root" . "name" "nats") }}:8222
{{- end }}
{{- end }}
