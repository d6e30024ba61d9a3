{{- /* Names and labels. */}}
{{- define "backoffice.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "backoffice.partOf" . }}
{{- end }}

{{- define "backoffice.partOf" -}}
app.kubernetes.io/part-of: backoffice
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* What holds data stays when a value is switched off or the release uninstalled: with a KafkaTopic goes its topic,
with a Cluster of CloudNativePG its volumes. */}}
{{- define "backoffice.keep" -}}
helm.sh/resource-policy: keep
{{- end }}

{{- /* What tells the pods of one process apart. Takes root, service, component. */}}
{{- define "backoffice.selector" -}}
{{ include "backoffice.partOf" .root }}
app.kubernetes.io/name: {{ .service }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "backoffice.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* One service's values laid over the defaults, as YAML. Takes root, service. */}}
{{- define "backoffice.service" -}}
{{ mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.services .service)) | toYaml }}
{{- end }}

{{- /* The topics and users that every deployment is made from. */}}
{{- define "backoffice.access" -}}
{{ .Files.Get "files/access.yaml" }}
{{- end }}

{{- define "backoffice.bootstrapServers" -}}
{{- if .Values.kafka.strimzi.cluster.enabled -}}
{{ .Values.kafka.strimzi.clusterName }}-kafka-bootstrap:9093
{{- else -}}
{{ .Values.kafka.bootstrapServers }}
{{- end -}}
{{- end }}

{{- define "backoffice.caSecret" -}}
{{- if .Values.kafka.strimzi.cluster.enabled -}}
{{ .Values.kafka.strimzi.clusterName }}-cluster-ca-cert
{{- else -}}
{{ .Values.kafka.caSecret.name }}
{{- end -}}
{{- end }}

{{- define "backoffice.postgresHost" -}}
{{- if .Values.postgres.cloudnativepg.enabled -}}
{{ .Values.postgres.cloudnativepg.clusterName }}-rw
{{- else -}}
{{ .Values.postgres.host }}
{{- end -}}
{{- end }}

{{- define "backoffice.postgresCaSecret" -}}
{{- if .Values.postgres.cloudnativepg.enabled -}}
{{ .Values.postgres.cloudnativepg.clusterName }}-ca
{{- else -}}
{{ .Values.postgres.caSecret.name }}
{{- end -}}
{{- end }}

{{- /* libpq's word for the authorities that a server's certificate must come from, and the file. */}}
{{- define "backoffice.postgresCaVariable" -}}
{{- if include "backoffice.postgresCaSecret" . }}
- {name: PGSSLROOTCERT, value: /run/secrets/backoffice/postgres-ca.crt}
{{- end }}
{{- end }}

{{- define "backoffice.postgresCaFile" -}}
{{- with include "backoffice.postgresCaSecret" . }}
- secret:
    name: {{ . }}
    items: [{key: {{ $.Values.postgres.caSecret.key }}, path: postgres-ca.crt}]
{{- end }}
{{- end }}

{{- define "backoffice.signsIn" -}}
{{- if hasPrefix "SASL_" .Values.kafka.securityProtocol }}yes{{ end -}}
{{- end }}

{{- /* Settings laid over one another, as environment variables. Takes root, settings. Helm reads every number as a
float, and would write a large one with an exponent. */}}
{{- define "backoffice.environment" -}}
- {name: BACKOFFICE_SECRETS_DIR, value: /run/secrets/backoffice}
{{- range $name, $value := mergeOverwrite (deepCopy .root.Values.settings) .settings }}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}{{ $value = int64 $value }}{{ end }}
- {name: BACKOFFICE_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- /* One setting of a service as a number. Takes root, settings, name, default. */}}
{{- define "backoffice.number" -}}
{{- get (mergeOverwrite (deepCopy .root.Values.settings) .settings) .name | default .default | int -}}
{{- end }}

{{- /* What a pod may do: nothing but run (the "restricted" Pod Security Standard). */}}
{{- define "backoffice.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "backoffice.containerSecurity" -}}
image: {{ include "backoffice.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: secrets, mountPath: /run/secrets/backoffice, readOnly: true}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "backoffice.tmp" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- end }}
