{{/* Variables that the chart derives from Secrets; secrets themselves are files. */}}
{{- define "bridge.managedEnv" -}}
{{- $dir := "/etc/kafka-import-bridge" -}}
{{- $c := .Values.config -}}
{{- $env := list -}}
{{- if or .Values.apiKey.existingSecret .Values.apiKey.value -}}
{{- $env = append $env (dict "name" "SAFETYKIT_API_KEY_FILE" "value" (printf "%s/api-key/%s" $dir .Values.apiKey.key)) -}}
{{- end -}}
{{- with .Values.kafka.sasl -}}
{{- if and .existingSecret .usernameKey -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_SASL_USERNAME" "valueFrom" (dict "secretKeyRef" (dict "name" .existingSecret "key" .usernameKey))) -}}
{{- end -}}
{{- if .existingSecret -}}
{{- if eq ($c.BRIDGE_KAFKA_SASL_MECHANISM | toString | upper) "OAUTHBEARER" -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE" "value" (printf "%s/sasl/%s" $dir .clientSecretKey)) -}}
{{- else -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_SASL_PASSWORD_FILE" "value" (printf "%s/sasl/%s" $dir .passwordKey)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.kafka.tls -}}
{{- if or .caSecret .clientSecret -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_TLS" "value" "true") -}}
{{- end -}}
{{- if .caSecret -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_TLS_CA_FILE" "value" (printf "%s/kafka-ca/%s" $dir .caKey)) -}}
{{- end -}}
{{- if .clientSecret -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_TLS_CERT_FILE" "value" (printf "%s/kafka-client/%s" $dir .certKey)) -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_TLS_KEY_FILE" "value" (printf "%s/kafka-client/%s" $dir .keyKey)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{- define "bridge.env" -}}
{{- $c := .Values.config -}}
{{- if not $c.BRIDGE_KAFKA_GROUP_ID }}
- name: BRIDGE_KAFKA_GROUP_ID
  value: {{ include "bridge.group" . | quote }}
{{- end }}
{{- range $name := keys $c | sortAlpha }}
{{- $value := get $c $name }}
{{- if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
- name: {{ $name }}
  value: {{ include "bridge.text" $value | quote }}
{{- end }}
{{- end }}
{{- with include "bridge.managedEnv" . | fromYamlArray }}
{{ toYaml . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Secret volumes as "name: secret" pairs; each is mounted in a folder of its name. */}}
{{- define "bridge.secretVolumes" -}}
{{- if or .Values.apiKey.existingSecret .Values.apiKey.value }}
api-key: {{ include "bridge.apiKeySecret" . | quote }}
{{- end }}
{{- with .Values.kafka.sasl.existingSecret }}
sasl: {{ . | quote }}
{{- end }}
{{- with .Values.kafka.tls.caSecret }}
kafka-ca: {{ . | quote }}
{{- end }}
{{- with .Values.kafka.tls.clientSecret }}
kafka-client: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "bridge.volumeMounts" -}}
{{- range $name, $secret := include "bridge.secretVolumes" . | fromYaml }}
- name: {{ $name }}
  mountPath: /etc/kafka-import-bridge/{{ $name }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the pods of the Deployment and of `helm test` have in common. */}}
{{- define "bridge.podCommon" -}}
serviceAccountName: {{ include "bridge.serviceAccountName" . | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or (include "bridge.secretVolumes" .) .Values.extraVolumes }}
volumes:
  {{- range $name, $secret := include "bridge.secretVolumes" . | fromYaml }}
  - name: {{ $name }}
    secret:
      secretName: {{ $secret | quote }}
      defaultMode: 0440
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The container without its name, arguments, ports and probes. */}}
{{- define "bridge.containerCommon" -}}
image: {{ include "bridge.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with include "bridge.volumeMounts" . | trim }}
volumeMounts:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}
