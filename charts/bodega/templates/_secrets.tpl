{{/* Secrets: made up once, then kept. */}}

{{- define "bodega.secretName" -}}
{{- if and .Values.region.home (not .Values.secrets.existingSecret) }}
{{- fail "region.home is set: secrets.existingSecret must name a copy of the home region's Secret." }}
{{- end }}
{{- .Values.secrets.existingSecret | default (include "bodega.name" .) }}
{{- end }}

{{/* The data of our own Secret as JSON: what the cluster has already, and
random hexadecimal digits for the rest. Worked out once per rendering (all
templates see one .Release), because the migration's copy must be the same. */}}
{{- define "bodega.secretData" -}}
{{- $memo := .Release }}
{{- if not (hasKey $memo "BodegaSecrets") }}
{{- $old := (lookup "v1" "Secret" .Release.Namespace (include "bodega.name" .)).data | default dict }}
{{- $data := dict }}
{{- range $key := include "bodega.secretKeys" . | fromJsonArray }}
{{- $kept := get $old $key | b64dec }}
{{- if hasPrefix "database_url_" $key }}
{{- $fn := trimPrefix "database_url_" $key }}
{{- $password := randAlphaNum 40 | sha256sum }}
{{- if $kept }}{{ $password = regexReplaceAll "^[a-z]+://[^:]+:([^@]+)@.*$" $kept "${1}" }}{{ end }}
{{- $pg := include "bodega.postgres" $ | fromJson }}
{{- $kept = printf "postgresql://bodega_%s:%s@%s:%d/bodega?sslmode=%s" $fn $password $pg.host (int $pg.port) $pg.sslmode }}
{{- end }}
{{- $_ := set $data $key ($kept | default (randAlphaNum 40 | sha256sum) | b64enc) }}
{{- end }}
{{- $_ := set $memo "BodegaSecrets" $data }}
{{- end }}
{{- toJson $memo.BodegaSecrets }}
{{- end }}

{{/* Keys of our Secret: every secret of a function that comes from nowhere
else, one database URL per function, and what the servers we bring need. */}}
{{- define "bodega.secretKeys" -}}
{{- $keys := list }}
{{- $apart := list "redis_password" "stripe_api_key" "stripe_webhook_secret" "stripe_webhook_secret_old" }}
{{- range $name, $f := include "bodega.facts" . | fromJson }}
{{- range $f.secrets }}
{{- if eq . "database_url" }}{{ $keys = append $keys (printf "database_url_%s" $name) }}
{{- else if not (has . $apart) }}{{ $keys = append $keys . }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq .Values.redis.mode "internal" }}{{ $keys = append $keys "redis_password" }}{{ end }}
{{- if eq .Values.postgres.mode "internal" }}{{ $keys = append $keys "postgres_password" }}{{ end }}
{{- if not .Values.payment.existingSecret }}{{ $keys = concat $keys (list "stripe_api_key" "stripe_webhook_secret") }}{{ end }}
{{- $keys | uniq | sortAlpha | toJson }}
{{- end }}

{{/* dict root, name, facts, secret (other than the release's own): sources of
the volume at /etc/bodega/secrets. */}}
{{- define "bodega.secretSources" -}}
{{- $v := .root.Values }}
{{- $items := list }}
{{- $more := list }}
{{- range .facts.secrets }}
{{- $item := dict "key" . "path" . }}
{{- if eq . "database_url" }}
{{- $items = append $items (dict "key" (printf "database_url_%s" $.name) "path" .) }}
{{- else if eq . "redis_password" }}
{{- if eq $v.redis.mode "internal" }}{{ $items = append $items $item }}
{{- else if $v.external.redis.existingSecret }}
{{- $more = append $more (dict "secret" (dict "name" $v.external.redis.existingSecret "items" (list $item))) }}
{{- end }}
{{- else if hasPrefix "stripe_" . }}
{{- if $v.payment.existingSecret }}
{{- $source := dict "name" $v.payment.existingSecret "items" (list $item) }}
{{- if hasSuffix "_old" . }}{{ $_ := set $source "optional" true }}{{ end }}
{{- $more = append $more (dict "secret" $source) }}
{{- else if not (hasSuffix "_old" .) }}{{ $items = append $items $item }}
{{- end }}
{{- else }}{{ $items = append $items $item }}
{{- end }}
{{- end }}
{{- if and (hasKey .facts.config "SMTP_USER") $v.mail.user }}
{{- $name := required "mail.user is set: mail.existingSecret must name the Secret with smtp_password." $v.mail.existingSecret }}
{{- $more = append $more (dict "secret" (dict "name" $name "items" (list (dict "key" "smtp_password" "path" "smtp_password")))) }}
{{- end }}
{{- if $items }}
{{- $more = prepend $more (dict "secret" (dict "name" (.secret | default (include "bodega.secretName" .root)) "items" $items)) }}
{{- end }}
{{- toYaml $more }}
{{- end }}
