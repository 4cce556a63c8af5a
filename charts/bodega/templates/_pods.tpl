{{/* What pods are made of. */}}

{{/* Pod Security "restricted", said in the container because Knative takes it
only there. */}}
{{- define "bodega.containerSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid | default 10001 }}
runAsGroup: {{ .uid | default 10001 }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* dict root, part, role: labels of a pod. NetworkPolicies go by the role. */}}
{{- define "bodega.podLabels" -}}
{{ include "bodega.selector" . }}
app.kubernetes.io/part-of: bodega
bodega.example/role: {{ .role }}
{{- end }}

{{- define "bodega.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bodega.spread" -}}
topologySpreadConstraints:
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "bodega.selector" $ | nindent 8 }}
{{- end }}
{{- end }}

{{/* Settings of a function: what the chart knows, then what the person says.
A function gets only what it has. dict root, name, fn, facts, role. */}}
{{- define "bodega.env" -}}
{{- $v := .root.Values }}
{{- $set := dict "PUBLIC_URL" (include "bodega.publicUrl" .root) "LOG_LEVEL" $v.logLevel "OTLP_URL" $v.otlpUrl }}
{{- $_ := set $set "BUS" $v.bus.kind }}
{{- $_ := set $set "BUS_URL" (include "bodega.busUrl" .root) }}
{{- $_ := set $set "REDIS_URL" (include "bodega.redisUrl" .root) }}
{{- range .facts.calls }}
{{- $_ := set $set (printf "%s_URL" (upper .)) (printf "http://%s" (include "bodega.host" (dict "root" $.root "name" .))) }}
{{- end }}
{{- $_ := set $set "STRIPE_API_BASE" $v.payment.apiBase }}
{{- if not $v.payment.existingSecret }}
{{- $_ := set $set "STRIPE_API_BASE" (printf "http://%s:7201" (include "bodega.host" (dict "root" .root "name" "simulator"))) }}
{{- end }}
{{- $_ := set $set "SMTP_URL" ($v.mail.url | default (printf "smtp://%s:2525" (include "bodega.host" (dict "root" .root "name" "mailbox")))) }}
{{- $_ := set $set "SMTP_USER" $v.mail.user }}
{{- $_ := set $set "SMTP_PASSWORD_FILE" "/etc/bodega/secrets/smtp_password" }}
{{- $_ := set $set "MAIL_FROM" $v.mail.from }}
{{- $_ := set $set "MAIL_FROM_NAME" $v.mail.fromName }}
{{- $_ := set $set "DEAD_GROUPS" (include "bodega.groups" .root | fromJsonArray | join ",") }}
{{- $set = mergeOverwrite $set (.fn.env | default dict) }}
- name: ROLE
  value: {{ .role }}
{{- range $name := keys $set | sortAlpha }}
{{- if hasKey $.facts.config $name }}
- name: {{ $name }}
  value: {{ get $set $name | toString | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Functions that take events: each is a consumer group. */}}
{{- define "bodega.groups" -}}
{{- $groups := list }}
{{- range $name, $f := include "bodega.facts" . | fromJson }}
{{- if $f.subscribes }}{{ $groups = append $groups $name }}{{ end }}
{{- end }}
{{- toJson ($groups | sortAlpha) }}
{{- end }}

{{/* What a function reads, without "bodega.": its topics, its own retries, and
relay everybody's dead letters. dict root, name, facts. */}}
{{- define "bodega.topics" -}}
{{- $topics := .facts.subscribes }}
{{- if $topics }}{{ $topics = append $topics (printf "retry.%s" .name) }}{{ end }}
{{- if hasKey .facts.config "DEAD_GROUPS" }}
{{- range include "bodega.groups" .root | fromJsonArray }}{{ $topics = append $topics (printf "dead.%s" .) }}{{ end }}
{{- end }}
{{- toJson $topics }}
{{- end }}

{{/* The pod of a function. dict root, name, fn, facts, role (http, worker or
all), knative. */}}
{{- define "bodega.functionPod" -}}
{{- $v := .root.Values -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "bodega.pullSecrets" .root }}
containers:
  - name: {{ .name }}
    image: {{ include "bodega.image" (dict "root" .root "name" .name "given" .fn.image) }}
    imagePullPolicy: {{ $v.imagePullPolicy }}
    ports:
      - containerPort: 8080
{{- if not .knative }}
        name: http
{{- end }}
    env: {{- include "bodega.env" . | nindent 6 }}
    # Alive means that it answers; whether others do is no reason to kill it.
    livenessProbe:
      httpGet: { path: /healthz{{ if not .knative }}, port: http{{ end }} }
      periodSeconds: 10
    readinessProbe:
      httpGet: { path: /readyz{{ if not .knative }}, port: http{{ end }} }
      periodSeconds: {{ ternary 5 2 (eq .role "worker") }}
    resources: {{- toYaml (.fn.resources | default $v.resources) | nindent 6 }}
    securityContext: {{- include "bodega.containerSecurity" dict | nindent 6 }}
{{- if and (not .knative) (ne .role "worker") }}
    # Until nobody sends requests here any more.
    lifecycle: { preStop: { sleep: { seconds: 5 } } }
{{- end }}
    volumeMounts:
      - { name: secrets, mountPath: /etc/bodega/secrets, readOnly: true }
volumes:
  - name: secrets
    projected:
      sources: {{- include "bodega.secretSources" . | nindent 8 }}
{{- end }}

{{/* The pod of a hook. dict root, part, image, resources, command, env, mounts,
volumes. */}}
{{- define "bodega.jobPod" -}}
metadata:
  labels: {{- include "bodega.podLabels" (set . "role" "job") | nindent 4 }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: {{ .token | default false }}
{{- with .account }}
  serviceAccountName: {{ . }}
{{- end }}
  enableServiceLinks: false
{{- include "bodega.pullSecrets" .root | nindent 2 }}
  containers:
    - name: {{ .part }}
      image: {{ .image }}
      imagePullPolicy: {{ .root.Values.imagePullPolicy }}
{{- with .command }}
      command: {{- toYaml . | nindent 8 }}
{{- end }}
{{- with .args }}
      args: {{- toYaml . | nindent 8 }}
{{- end }}
{{- with .env }}
      env:
{{- range $name, $value := . }}
        - name: {{ $name }}
          value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
      resources: {{- toYaml .resources | nindent 8 }}
      securityContext: {{- include "bodega.containerSecurity" dict | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
{{- range $name, $path := .mounts }}
        - { name: {{ $name }}, mountPath: {{ $path }}, readOnly: true }
{{- end }}
  volumes:
    - name: tmp
      emptyDir: { sizeLimit: 16Mi }
{{- with .volumes }}
{{ toYaml . | indent 4 }}
{{- end }}
{{- end }}
