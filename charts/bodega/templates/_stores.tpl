{{/* One server with a disk, for trying. dict root, part, port (name: number),
store (its values), command, args, env, mounts, extra (volumes). */}}
{{- define "bodega.store" -}}
{{- $name := printf "%s-%s" (include "bodega.name" .root) .part }}
{{- $_ := set . "role" "store" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "bodega.labels" . | nindent 4 }}
spec:
  # A broker is talked to before it is ready: it says where it is itself.
  publishNotReadyAddresses: {{ eq .part "kafka" }}
  selector: {{- include "bodega.selector" . | nindent 4 }}
  ports:
{{- range $port, $number := .ports }}
    - { name: {{ $port }}, port: {{ $number }}, targetPort: {{ $port }} }
{{- end }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{- include "bodega.labels" . | nindent 4 }}
spec:
  serviceName: {{ $name }}
  replicas: 1
  selector:
    matchLabels: {{- include "bodega.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "bodega.podLabels" . | nindent 8 }}
{{- with .checksum }}
      annotations: { checksum/conf: {{ . }} }
{{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 60
      {{- include "bodega.pullSecrets" .root | nindent 6 }}
      securityContext: { fsGroup: {{ .store.uid }}, fsGroupChangePolicy: OnRootMismatch }
      containers:
        - name: {{ .part }}
          image: {{ .store.image }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
{{- with .command }}
          command: {{- toYaml . | nindent 12 }}
{{- end }}
{{- with .args }}
          args: {{- toYaml . | nindent 12 }}
{{- end }}
{{- with .env }}
          env: {{- toYaml . | nindent 12 }}
{{- end }}
          ports:
{{- range $port, $number := .ports }}
            - { name: {{ $port }}, containerPort: {{ $number }} }
{{- end }}
          readinessProbe: {{- toYaml .ready | nindent 12 }}
            periodSeconds: 5
            timeoutSeconds: 5
          resources: {{- toYaml .store.resources | nindent 12 }}
          securityContext: {{- include "bodega.containerSecurity" .store | nindent 12 }}
          volumeMounts:
            - { name: data, mountPath: {{ .data }} }
            - { name: tmp, mountPath: /tmp }
{{- range $volume, $path := .mounts }}
            - { name: {{ $volume }}, mountPath: {{ $path }} }
{{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
{{- with .extra }}
{{ toYaml . | indent 8 }}
{{- end }}
{{- if not .store.storage }}
        - name: data
          emptyDir: {}
{{- else }}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
{{- with .store.storageClass }}
        storageClassName: {{ . }}
{{- end }}
        resources: { requests: { storage: {{ .store.storage }} } }
{{- end }}
{{- end }}

{{/* A file of our Secret, as a volume called "secret". dict root, key. */}}
{{- define "bodega.oneSecret" -}}
- name: secret
  secret:
    secretName: {{ include "bodega.secretName" .root }}
    items: [{ key: {{ .key }}, path: {{ .key }} }]
{{- end }}

{{/* One broker that is its own controller (KRaft). Topics are made by the setup
Job with their partitions, never by a typing error. */}}
{{- define "bodega.kafkaConf" -}}
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://{{ include "bodega.host" (dict "root" . "name" "kafka") }}:9092
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=/var/lib/kafka/data
auto.create.topics.enable=false
num.partitions={{ .Values.bus.partitions }}
default.replication.factor=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# A group that slept for a month still knows what it has read.
offsets.retention.minutes=43200
log.retention.hours=336
{{ end }}
