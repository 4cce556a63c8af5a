{{/* dict root, part, image, ports, command, secret. */}}
{{- define "bodega.standIn" -}}
{{- $_ := set . "role" "standin" }}
{{- $name := printf "%s-%s" (include "bodega.name" .root) .part -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "bodega.labels" . | nindent 4 }}
spec:
  selector: {{- include "bodega.selector" . | nindent 4 }}
  ports:
{{- range $port, $number := .ports }}
    - { name: {{ $port }}, port: {{ $number }}, targetPort: {{ $port }} }
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "bodega.labels" . | nindent 4 }}
spec:
  # One: what it knows is in its memory.
  replicas: 1
  strategy: { type: Recreate }
  selector:
    matchLabels: {{- include "bodega.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "bodega.podLabels" . | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "bodega.pullSecrets" .root | nindent 6 }}
      securityContext: { fsGroup: 10001 }
      containers:
        - name: {{ .part }}
          image: {{ .image }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
          command: {{- toYaml .command | nindent 12 }}
          ports:
{{- range $port, $number := .ports }}
            - { name: {{ $port }}, containerPort: {{ $number }} }
{{- end }}
          readinessProbe:
            tcpSocket: { port: http }
          resources: {{- toYaml .root.Values.simulator.resources | nindent 12 }}
          securityContext: {{- include "bodega.containerSecurity" dict | nindent 12 }}
          volumeMounts:
            - { name: data, mountPath: /data }
{{- if .secret }}
            - { name: secrets, mountPath: /etc/bodega/secrets, readOnly: true }
{{- end }}
      volumes:
        - name: data
          emptyDir: {}
{{- if .secret }}
        - name: secrets
          secret:
            secretName: {{ include "bodega.secretName" .root }}
            items:
              - { key: stripe_api_key, path: stripe_api_key }
              - { key: stripe_webhook_secret, path: stripe_webhook_secret }
{{- end }}
{{- end }}
