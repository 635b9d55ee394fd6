{{- define "lab.name" -}}
{{ contains "harbor" .Release.Name | ternary .Release.Name (printf "%s-harbor" .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "lab.selector" -}}
release: {{ .root.Release.Name }}
app: harbor
component: {{ .component }}
{{- end }}

{{- define "lab.labels" -}}
heritage: Helm
release: {{ .Release.Name }}
chart: harbor
app: harbor
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: harbor
app.kubernetes.io/managed-by: Helm
app.kubernetes.io/part-of: harbor
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "lab.componentLabels" -}}
{{ include "lab.labels" .root }}
component: {{ .component }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* metadata of an object: dict "root" $ "suffix" "-core" */ -}}
{{- define "lab.metadata" -}}
metadata:
  name: {{ include "lab.name" .root }}{{ .suffix }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lab.labels" .root | nindent 4 }}
{{- end }}

{{- /* the scheme between the processes */ -}}
{{- define "lab.scheme" -}}
{{ .Values.internalTLS.enabled | ternary "https" "http" }}
{{- end }}

{{- /* the port on which a process listens in its pod */ -}}
{{- define "lab.port" -}}
{{ .Values.internalTLS.enabled | ternary 8443 8080 }}
{{- end }}

{{- define "lab.servicePort" -}}
{{ .Values.internalTLS.enabled | ternary 443 80 }}
{{- end }}

{{- define "lab.registryPort" -}}
{{ .Values.internalTLS.enabled | ternary 5443 5000 }}
{{- end }}

{{- define "lab.redisHosts" -}}
{{ eq .Values.redis.type "internal" | ternary (printf "%s-redis:6379" (include "lab.name" .)) .Values.redis.external.addr }}
{{- end }}

{{- /* the part of a Redis URL before the database number */ -}}
{{- define "lab.redisURL" -}}
{{- $external := eq .Values.redis.type "external" }}
{{- $sentinel := and $external .Values.redis.external.sentinelMasterSet }}
{{- and $external .Values.redis.external.tlsOptions.enable | ternary "rediss" "redis" }}{{ if $sentinel }}+sentinel{{ end -}}
://{{ include "lab.redisHosts" . }}{{ if $sentinel }}/{{ $sentinel }}{{ end }}
{{- end }}

{{- define "lab.redisIndex" -}}
{{ get (index .root.Values.redis .root.Values.redis.type) (printf "%sDatabaseIndex" .of) | default "0" }}
{{- end }}

{{- define "lab.secretEnv" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}}
{{- end }}
