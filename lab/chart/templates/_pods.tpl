{{- /* a Deployment: dict "root" $ "component" "core" "values" .Values.core "pod" (pod spec as text) "checksum" text */ -}}
{{- define "lab.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "lab.name" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lab.componentLabels" . | nindent 4 }}
spec:
  replicas: {{ .values.replicas }}
  strategy: {type: {{ .root.Values.updateStrategy.type }}}
  selector:
    matchLabels:
      {{- include "lab.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "lab.componentLabels" . | nindent 8 }}
        {{- with .values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      annotations:
        checksum/configuration: {{ .checksum | sha256sum }}
        {{- with .values.podAnnotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsUser: 10000, fsGroup: 10000}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{ toJson . }}
      {{- end }}
      {{- with .values.nodeSelector }}
      nodeSelector: {{ toJson . }}
      {{- end }}
      {{- .pod | nindent 6 }}
{{- end }}

{{- /* the head of a container: dict "root" $ "name" "core" "values" .Values.core */ -}}
{{- define "lab.container" -}}
name: {{ .name }}
image: {{ .values.image.repository }}:{{ .values.image.tag }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
{{- with .values.resources }}
resources: {{ toJson . }}
{{- end }}
securityContext:
  privileged: false
  allowPrivilegeEscalation: false
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* the probes of a container: dict "check" (the check, as text) "readiness" (optional values) */ -}}
{{- define "lab.probes" -}}
{{- $usual := dict "periodSeconds" 10 "timeoutSeconds" 1 "failureThreshold" 3 "successThreshold" 1 -}}
livenessProbe: {{ merge (dict "initialDelaySeconds" 300) $usual (fromYaml .check) | toJson }}
readinessProbe: {{ merge (dict) (default dict .readiness) (dict "initialDelaySeconds" 1) $usual (fromYaml .check) | toJson }}
{{- end }}

{{- define "lab.httpGet" -}}
httpGet: {path: {{ .path }}, port: {{ .port }}, scheme: {{ .scheme | default "HTTP" }}}
{{- end }}

{{- /* internal TLS in a pod: dict "root" $ "component" "core" */ -}}
{{- define "lab.internalTLSEnv" -}}
{{- if .root.Values.internalTLS.enabled }}
- {name: INTERNAL_TLS_ENABLED, value: "true"}
- {name: INTERNAL_TLS_KEY_PATH, value: /etc/harbor/ssl/{{ .component }}/tls.key}
- {name: INTERNAL_TLS_CERT_PATH, value: /etc/harbor/ssl/{{ .component }}/tls.crt}
- {name: INTERNAL_TLS_TRUST_CA_PATH, value: /etc/harbor/ssl/{{ .component }}/ca.crt}
{{- end }}
{{- end }}

{{- define "lab.internalTLSMount" -}}
{{- if .root.Values.internalTLS.enabled }}
- {name: {{ .component }}-internal-certs, mountPath: /etc/harbor/ssl/{{ .component }}}
{{- end }}
{{- end }}

{{- define "lab.internalTLSVolume" -}}
{{- if .root.Values.internalTLS.enabled }}
- {name: {{ .component }}-internal-certs, secret: {secretName: {{ index .root.Values.internalTLS .component "secretName" }}}}
{{- end }}
{{- end }}

{{- /* the head of every nginx.conf: all writes are below /tmp */ -}}
{{- define "lab.nginxConfiguration" -}}
pid /tmp/nginx.pid;
events {}
http {
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  access_log /dev/stdout;
{{- end }}

{{- define "lab.caMount" -}}
{{- if .Values.caBundleSecretName }}
- {name: ca-bundle-certs, mountPath: /harbor_cust_cert/custom-ca.crt, subPath: ca.crt}
{{- end }}
{{- end }}

{{- define "lab.caVolume" -}}
{{- with .Values.caBundleSecretName }}
- {name: ca-bundle-certs, secret: {secretName: {{ . }}}}
{{- end }}
{{- end }}
