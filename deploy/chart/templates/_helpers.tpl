{{/* Name of the chart, for labels. */}}
{{- define "harbor-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Full name of the release: the prefix of its objects. */}}
{{- define "harbor-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "harbor-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "harbor-operator.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels by which the operator's pods are selected. */}}
{{- define "harbor-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "harbor-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "harbor-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "harbor-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name of the operator's service account. */}}
{{- define "harbor-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "harbor-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The operator's service account as the subject of a binding. */}}
{{- define "harbor-operator.subject" -}}
kind: ServiceAccount
name: {{ include "harbor-operator.serviceAccountName" . }}
namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Reference of the operator's image. */}}
{{- define "harbor-operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Registry namespaces by name, with the default of every field. */}}
{{- define "harbor-operator.registryNamespaces" -}}
{{- $defaults := dict "create" false "labels" dict "annotations" dict "injectPullSecrets" true "serviceAccountName" "harbor-release" "serviceMonitor" false "gatewayAPI" false "certManager" false }}
{{- $namespaces := dict }}
{{- range $name, $given := .Values.registryNamespaces }}
{{- $namespace := deepCopy ($given | default dict) }}
{{- range $field, $default := $defaults }}
{{- if not (hasKey $namespace $field) }}
{{- $_ := set $namespace $field $default }}
{{- end }}
{{- end }}
{{- $_ := set $namespaces $name $namespace }}
{{- end }}
{{- toYaml $namespaces }}
{{- end }}

{{/* Namespaces whose registries may inject pull Secrets, separated by commas. */}}
{{- define "harbor-operator.injectionNamespaces" -}}
{{- $granted := list }}
{{- range $name, $namespace := include "harbor-operator.registryNamespaces" . | fromYaml }}
{{- if $namespace.injectPullSecrets }}
{{- $granted = append $granted $name }}
{{- end }}
{{- end }}
{{- concat $granted .Values.config.injectionNamespaces | uniq | join "," }}
{{- end }}

{{/* Environment variables of the settings; an empty value leaves the default of the operator. */}}
{{- define "harbor-operator.settings" -}}
{{- $config := omit .Values.config "injectionNamespaces" }}
{{- if or .Values.trustedCA.configMapName .Values.trustedCA.secretName }}
{{- $_ := set $config "helmCaFile" "/etc/harbor-operator/ca/ca.crt" }}
{{- end }}
{{- range $name, $value := $config }}
{{- with kindIs "slice" $value | ternary (join "," $value) (toString $value) }}
- name: HARBOR_OPERATOR_{{ regexReplaceAll "([A-Z])" $name "_${1}" | upper }}
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with include "harbor-operator.injectionNamespaces" . }}
- name: HARBOR_OPERATOR_INJECTION_NAMESPACES
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Topology spread constraints; those without a selector select the pods of the current revision. */}}
{{- define "harbor-operator.topologySpreadConstraints" -}}
{{- $labels := include "harbor-operator.selectorLabels" . | fromYaml }}
{{- range .Values.topologySpreadConstraints }}
{{- $selector := dict "labelSelector" (dict "matchLabels" $labels) "matchLabelKeys" (list "pod-template-hash") }}
- {{ toYaml (hasKey . "labelSelector" | ternary . (merge (deepCopy .) $selector)) | nindent 2 | trim }}
{{- end }}
{{- end }}
