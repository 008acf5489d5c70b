{{- define "starsieve.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "starsieve.selector" -}}
app.kubernetes.io/name: starsieve
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "starsieve.metadata" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "starsieve.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* The TOML file. Two settings are the pod's own and come by its environment: the worker's name and the metrics' port. */ -}}
{{- define "starsieve.toml" -}}
{{- if not .Values.settings.kafka.bootstrap_servers }}{{ fail "set settings.kafka.bootstrap_servers" }}{{ end -}}
{{- $settings := deepCopy .Values.settings -}}
{{- if not (or $settings.redis.url .Values.redis.existingSecret.name) }}{{ fail "set settings.redis.url, or redis.existingSecret.name" }}{{ end -}}
{{- if not $settings.redis.url }}{{ $_ := unset $settings.redis "url" }}{{ end -}}
{{- toToml $settings -}}
{{- end -}}
