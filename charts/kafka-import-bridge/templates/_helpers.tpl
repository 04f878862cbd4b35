{{- define "bridge.longName" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where everything is installed. */}}
{{- define "bridge.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* The name of the Deployment or StatefulSet. With more than 46 characters Kubernetes would cut them off in the names of the pods, by which Prometheus knows the release. */}}
{{- define "bridge.fullname" -}}
{{- include "bridge.longName" . | trunc 46 | trimSuffix "-" -}}
{{- end -}}

{{/* The consumer group. Its name is not cut as the full name is: another name is another group, which reads everything anew. */}}
{{- define "bridge.group" -}}
{{- .Values.config.BRIDGE_KAFKA_GROUP_ID | default (include "bridge.longName" .) -}}
{{- end -}}

{{- define "bridge.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* An object's labels: (list $ more…). The chart's own win over more, and those over commonLabels. */}}
{{- define "bridge.labels" -}}
{{- $root := first . -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- include "bridge.merged" (concat (list $own (include "bridge.selectorLabels" $root | fromYaml)) (rest .) (list $root.Values.commonLabels)) -}}
{{- end -}}

{{/* The labels of the pods: without the chart's version, for an upgrade that changes nothing else must not drain the group. */}}
{{- define "bridge.podLabels" -}}
{{- $own := dict "app.kubernetes.io/component" "bridge" -}}
{{- include "bridge.merged" (list $own (include "bridge.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{/* A list of maps as one, in YAML; of two values for a key the first one stays. */}}
{{- define "bridge.merged" -}}
{{- $merged := dict -}}
{{- range . -}}
{{- $merged = merge $merged (. | default dict) -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end -}}

{{- define "bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "bridge.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bridge.apiKeySecret" -}}
{{- default (printf "%s-api-key" (include "bridge.fullname" .)) .Values.apiKey.existingSecret -}}
{{- end -}}

{{/* The namespace that `helm test` asks an upload URL of: the first that the settings name; empty where they name none. */}}
{{- define "bridge.checkNamespace" -}}
{{- $c := .Values.config -}}
{{- $source := $c.BRIDGE_NAMESPACE | default "topic" | trim -}}
{{- $names := list -}}
{{- if eq $source "topic" -}}
{{- $names = splitList "," ($c.BRIDGE_KAFKA_TOPICS | default "") -}}
{{- else if hasPrefix "static:" $source -}}
{{- $names = list (trimPrefix "static:" $source) -}}
{{- end -}}
{{- $map := dict -}}
{{- range splitList "," ($c.BRIDGE_NAMESPACE_MAP | default "") -}}
{{- $_ := set $map (regexReplaceAll "=[^=]*$" . "" | trim) (regexFind "[^=]*$" . | splitList "+" | first | trim) -}}
{{- end -}}
{{- $allowed := printf "^(?:%s)$" ($c.BRIDGE_NAMESPACE_ALLOW | default ".*" | trim) -}}
{{- $found := .Values.check.namespace | default "" -}}
{{- range $names -}}
{{- $namespace := coalesce (get $map (trim .)) (get $map "*") (trim .) | default "" -}}
{{- if and (not $found) (regexMatch "^[A-Za-z0-9_-]{1,255}$" $namespace) (regexMatch $allowed $namespace) -}}
{{- $found = $namespace -}}
{{- end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* The port of config.BRIDGE_HTTP_ADDR. */}}
{{- define "bridge.port" -}}
{{- .Values.config.BRIDGE_HTTP_ADDR | default ":8080" | toString | trim | regexFind "[0-9]+$" -}}
{{- end -}}

{{/* The ports of the import API, its store, the OAuth endpoint and the schema registry. A store's URLs have none of their own. */}}
{{- define "bridge.httpsPorts" -}}
{{- $ports := list 443 -}}
{{- range list .Values.config.SAFETYKIT_BASE_URL .Values.config.BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL .Values.config.BRIDGE_SCHEMA_REGISTRY_URL -}}
{{- $host := . | default "" | trim | lower | regexFind "^https?://[^/?#]*" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" | int -}}
{{- if $port -}}
{{- $ports = append $ports $port -}}
{{- else if hasPrefix "http:" $host -}}
{{- $ports = append $ports 80 -}}
{{- end -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* Text of a value: YAML's floats of whole numbers stay whole. */}}
{{- define "bridge.text" -}}
{{- if kindIs "float64" . -}}{{- printf "%.0f" . -}}{{- else -}}{{- toString . -}}{{- end -}}
{{- end -}}

{{/* Whether the chart sets BRIDGE_LEAVE_ON_STOP to false: in a StatefulSet, unless config sets it. Empty if not. */}}
{{- define "bridge.stays" -}}
{{- $given := get .Values.config "BRIDGE_LEAVE_ON_STOP" -}}
{{- if and (eq .Values.workload "StatefulSet") (or (kindIs "invalid" $given) (eq (toString $given) "")) -}}true{{- end -}}
{{- end -}}

{{/* A value of a variable. Kubernetes replaces $(NAME) in it and makes $$ one $: doubled, they stay as they were. */}}
{{- define "bridge.envValue" -}}
{{- $text := include "bridge.text" . -}}
{{- if or (contains "$(" $text) (contains "$$" $text) -}}{{- replace "$" "$$" $text -}}{{- else -}}{{- $text -}}{{- end -}}
{{- end -}}

{{/* Whole seconds of a Go duration. */}}
{{- define "bridge.seconds" -}}
{{- $start := toDate "2006-01-02T15:04:05Z07:00" "2000-01-01T00:00:00Z" -}}
{{- sub (mustDateModify (toString .) $start | unixEpoch | int64) (unixEpoch $start | int64) -}}
{{- end -}}

{{/* Bytes of a size of the bridge (8MiB, 8MB) or a Kubernetes quantity (8Mi, 8M). */}}
{{- define "bridge.bytes" -}}
{{- $text := include "bridge.text" . | nospace | lower -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text | trimSuffix "b" -}}
{{- $units := dict "" 1 "k" 1000 "m" 1000000 "g" 1000000000 "t" 1000000000000 "ki" 1024 "mi" 1048576 "gi" 1073741824 "ti" 1099511627776 "p" 1000000000000000 "pi" 1125899906842624 -}}
{{- if or (eq $number "") (not (hasKey $units $unit)) -}}
{{- fail (printf "cannot read the size %q: write it like 512MiB in config, 512Mi in resources" (toString .)) -}}
{{- end -}}
{{- mulf (float64 $number) (index $units $unit) | int64 -}}
{{- end -}}

{{/* The seconds that lifecycle.preStop sleeps, which Kubernetes takes from the grace period. */}}
{{- define "bridge.preStopSeconds" -}}
{{- dig "preStop" "sleep" "seconds" 0 (.Values.lifecycle | default dict) | int64 -}}
{{- end -}}

{{- define "bridge.gracePeriodSeconds" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add (include "bridge.seconds" (.Values.config.BRIDGE_SHUTDOWN_TIMEOUT | default "60s") | int64) 15 (include "bridge.preStopSeconds" . | int64) -}}
{{- else -}}
{{- .Values.terminationGracePeriodSeconds | int64 -}}
{{- end -}}
{{- end -}}

{{/* What selects this release's series in Prometheus. */}}
{{- define "bridge.series" -}}
{{- /* A pod of a Deployment is called after it, its ReplicaSet and itself, one of a StatefulSet after it and a number: another release's may begin alike, and then go on. */ -}}
{{- $suffix := ternary "-[0-9]+" "-[a-z0-9]+-[a-z0-9]{5}" (eq .Values.workload "StatefulSet") -}}
{{- default (printf "namespace=%q,pod=~\"%s%s\"" (include "bridge.namespace" .) (include "bridge.fullname" .) $suffix) .Values.metricsSelector -}}
{{- end -}}
