{{/* Variables that the chart derives from Secrets; secrets themselves are files. */}}
{{- define "bridge.managedEnv" -}}
{{- $dir := "/etc/kafka-import-bridge" -}}
{{- $c := .Values.config -}}
{{- $env := list -}}
{{- with .Values.kafka.rackLabel -}}
{{- $env = append $env (dict "name" "BRIDGE_KAFKA_RACK" "valueFrom" (dict "fieldRef" (dict "fieldPath" (printf "metadata.labels['%s']" .)))) -}}
{{- end -}}
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
{{- with .Values.schemaRegistry -}}
{{- if .existingSecret -}}
{{- with .usernameKey -}}
{{- $env = append $env (dict "name" "BRIDGE_SCHEMA_REGISTRY_USERNAME" "valueFrom" (dict "secretKeyRef" (dict "name" $.Values.schemaRegistry.existingSecret "key" .))) -}}
{{- end -}}
{{- $env = append $env (dict "name" "BRIDGE_SCHEMA_REGISTRY_PASSWORD_FILE" "value" (printf "%s/schema-registry/%s" $dir .passwordKey)) -}}
{{- end -}}
{{- if .caSecret -}}
{{- $env = append $env (dict "name" "BRIDGE_SCHEMA_REGISTRY_CA_FILE" "value" (printf "%s/schema-registry-ca/%s" $dir .caKey)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.customHeaders -}}
{{- if .existingSecret -}}
{{- $env = append $env (dict "name" "SAFETYKIT_CUSTOM_HEADERS_FILE" "value" (printf "%s/custom-headers/%s" $dir .key)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{- define "bridge.env" -}}
{{- $c := .Values.config -}}
{{- if not $c.BRIDGE_KAFKA_GROUP_ID }}
- name: BRIDGE_KAFKA_GROUP_ID
  value: {{ include "bridge.envValue" (include "bridge.group" .) | quote }}
{{- end }}
{{- range $name := keys $c | sortAlpha }}
{{- $value := get $c $name }}
{{- if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
- name: {{ $name }}
  value: {{ include "bridge.envValue" $value | quote }}
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
{{- with .Values.schemaRegistry.existingSecret }}
schema-registry: {{ . | quote }}
{{- end }}
{{- with .Values.schemaRegistry.caSecret }}
schema-registry-ca: {{ . | quote }}
{{- end }}
{{- with .Values.customHeaders.existingSecret }}
custom-headers: {{ . | quote }}
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

{{/* What the pods of the workload and of `helm test` have in common. */}}
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
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
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

{{/* What Deployment and StatefulSet have in common but for the pods. */}}
{{- define "bridge.workloadCommon" -}}
{{- if not .Values.autoscaling.enabled }}
replicas: {{ .Values.replicaCount | int64 }}
{{- end }}
revisionHistoryLimit: {{ .Values.revisionHistoryLimit | int64 }}
{{- with .Values.minReadySeconds }}
minReadySeconds: {{ . | int64 }}
{{- end }}
selector:
  matchLabels:
    {{- include "bridge.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: bridge
{{- end -}}

{{/* The pods of the Deployment or StatefulSet. */}}
{{- define "bridge.podTemplate" -}}
metadata:
  labels:
    {{- include "bridge.podLabels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "bridge.podCommon" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "bridge.gracePeriodSeconds" . }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      {{- if eq $.Values.workload "Deployment" }}
      # The pods that an upgrade replaces do not count.
      matchLabelKeys: [pod-template-hash]
      {{- end }}
      labelSelector:
        matchLabels:
          {{- include "bridge.selectorLabels" $ | nindent 10 }}
          app.kubernetes.io/component: bridge
    {{- end }}
    {{- end }}
  containers:
    - name: bridge
      {{- include "bridge.containerCommon" . | nindent 6 }}
      args: [run]
      env:
        - name: BRIDGE_INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- if include "bridge.stays" . }}
        # The pod comes back under its name, and finds its partitions unmoved.
        - name: BRIDGE_LEAVE_ON_STOP
          value: "false"
        {{- end }}
        {{- include "bridge.env" . | trim | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ include "bridge.port" . }}
      {{- with .Values.startupProbe }}
      startupProbe:
        httpGet:
          path: /healthz
          port: http
        {{- toYaml . | nindent 8 }}
      {{- end }}
      livenessProbe:
        httpGet:
          path: /healthz
          port: http
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      {{- with .Values.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
