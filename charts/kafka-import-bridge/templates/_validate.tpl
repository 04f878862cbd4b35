{{/* Every contradiction that a schema cannot see, told at once, each with its remedy. */}}
{{- define "bridge.validate" -}}
{{- $c := .Values.config -}}
{{- $faults := list -}}
{{- if not $c.BRIDGE_KAFKA_BROKERS -}}
{{- $faults = append $faults "config.BRIDGE_KAFKA_BROKERS is missing: set it to the bootstrap brokers, host:port,…" -}}
{{- else -}}
{{- range splitList "," $c.BRIDGE_KAFKA_BROKERS -}}
{{- if not (and (regexMatch "^([^\\s:/@\\[\\]]+|\\[[0-9A-Fa-f:.]+\\]):[1-9][0-9]{0,4}$" (trim .)) (lt (regexFind "[0-9]+$" (trim .) | int) 65536)) -}}
{{- $faults = append $faults (printf "config.BRIDGE_KAFKA_BROKERS holds %q: want host:port,… such as kafka-0:9092,kafka-1:9092" (trim .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $c.BRIDGE_HTTP_ADDR -}}
{{- if not (and (regexMatch "^([^\\s:]*|\\[[0-9A-Fa-f:.]*\\]):[1-9][0-9]{0,4}$" (trim $c.BRIDGE_HTTP_ADDR)) (lt (include "bridge.port" . | int) 65536)) -}}
{{- $faults = append $faults (printf "config.BRIDGE_HTTP_ADDR (%s) has no port as a number from 1 to 65535, which probes, Service and scrape need: write it like :8080" $c.BRIDGE_HTTP_ADDR) -}}
{{- else if regexMatch "^(localhost|127[.][0-9.]+|\\[(0*:)*0*1\\]):" (lower (trim $c.BRIDGE_HTTP_ADDR)) -}}
{{- $faults = append $faults (printf "config.BRIDGE_HTTP_ADDR (%s) is a loopback address, which neither probes nor scrape reach: write it like :8080" $c.BRIDGE_HTTP_ADDR) -}}
{{- end -}}
{{- end -}}
{{- if not (or $c.BRIDGE_KAFKA_TOPICS $c.BRIDGE_KAFKA_TOPIC_REGEX) -}}
{{- $faults = append $faults "no topics are chosen: set config.BRIDGE_KAFKA_TOPICS or config.BRIDGE_KAFKA_TOPIC_REGEX" -}}
{{- end -}}
{{- if and $c.BRIDGE_KAFKA_TOPICS $c.BRIDGE_KAFKA_TOPIC_REGEX -}}
{{- $faults = append $faults "config.BRIDGE_KAFKA_TOPICS and config.BRIDGE_KAFKA_TOPIC_REGEX exclude each other: set one" -}}
{{- end -}}
{{- if and $c.BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX (not $c.BRIDGE_KAFKA_TOPIC_REGEX) -}}
{{- $faults = append $faults "config.BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX has no effect without config.BRIDGE_KAFKA_TOPIC_REGEX" -}}
{{- end -}}
{{- $keys := list .Values.apiKey.existingSecret .Values.apiKey.value $c.SAFETYKIT_API_KEY_FILE | compact -}}
{{- if not $keys -}}
{{- $faults = append $faults "the API key is missing: set apiKey.existingSecret to a Secret that holds it (or apiKey.value, which stays in the release)" -}}
{{- else if gt (len $keys) 1 -}}
{{- $faults = append $faults "the API key is given more than once: set one of apiKey.existingSecret, apiKey.value and config.SAFETYKIT_API_KEY_FILE" -}}
{{- end -}}
{{- if hasKey $c "BRIDGE_INSTANCE_ID" -}}
{{- $faults = append $faults "config.BRIDGE_INSTANCE_ID cannot be set: every replica needs a name of its own, and the chart gives it the pod's" -}}
{{- end -}}
{{- $secrets := dict
  "SAFETYKIT_API_KEY" "apiKey"
  "SAFETYKIT_CUSTOM_HEADERS" "customHeaders"
  "BRIDGE_KAFKA_SASL_PASSWORD" "kafka.sasl"
  "BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET" "kafka.sasl"
  "BRIDGE_SCHEMA_REGISTRY_PASSWORD" "schemaRegistry" -}}
{{- range $name, $value := $secrets -}}
{{- if hasKey $c $name -}}
{{- $faults = append $faults (printf "config.%s would show a secret in the %s: name a Secret in %s.existingSecret" $name $.Values.workload $value) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.workload "Deployment") (eq ($c.BRIDGE_LEAVE_ON_STOP | toString | lower) "false") -}}
{{- $faults = append $faults "config.BRIDGE_LEAVE_ON_STOP is false, but a Deployment's pods come back under other names, and until the session timeout nobody reads what they leave: set workload to StatefulSet" -}}
{{- end -}}
{{- range $name := list "BRIDGE_ON_INVALID" "BRIDGE_ON_TOMBSTONE" "BRIDGE_ON_REJECTED" -}}
{{- if and (eq (get $c $name | toString | lower) "dlq") (not $c.BRIDGE_DLQ_TOPIC) -}}
{{- $faults = append $faults (printf "config.%s is dlq, but no topic takes the dead letters: set config.BRIDGE_DLQ_TOPIC" $name) -}}
{{- end -}}
{{- end -}}
{{- $sasl := .Values.kafka.sasl -}}
{{- if and $sasl.existingSecret (not $c.BRIDGE_KAFKA_SASL_MECHANISM) -}}
{{- $faults = append $faults "kafka.sasl.existingSecret has no effect without config.BRIDGE_KAFKA_SASL_MECHANISM" -}}
{{- end -}}
{{- $extra := list -}}
{{- range .Values.extraEnv -}}
{{- $extra = append $extra .name -}}
{{- end -}}
{{- if regexMatch "^(PLAIN|SCRAM-.*)$" ($c.BRIDGE_KAFKA_SASL_MECHANISM | default "" | upper) -}}
{{- if not (or (and $sasl.existingSecret $sasl.usernameKey) $c.BRIDGE_KAFKA_SASL_USERNAME (has "BRIDGE_KAFKA_SASL_USERNAME" $extra)) -}}
{{- $faults = append $faults (printf "config.BRIDGE_KAFKA_SASL_MECHANISM is %s, but there is no user name: set config.BRIDGE_KAFKA_SASL_USERNAME, or kafka.sasl.usernameKey to the key of the Secret that holds it" $c.BRIDGE_KAFKA_SASL_MECHANISM) -}}
{{- end -}}
{{- if not (or $sasl.existingSecret $c.BRIDGE_KAFKA_SASL_PASSWORD_FILE (has "BRIDGE_KAFKA_SASL_PASSWORD" $extra) (has "BRIDGE_KAFKA_SASL_PASSWORD_FILE" $extra)) -}}
{{- $faults = append $faults (printf "config.BRIDGE_KAFKA_SASL_MECHANISM is %s, but there is no password: set kafka.sasl.existingSecret to the Secret that holds it" $c.BRIDGE_KAFKA_SASL_MECHANISM) -}}
{{- end -}}
{{- end -}}
{{- $tls := or (eq ($c.BRIDGE_KAFKA_TLS | toString | lower) "true") (has "BRIDGE_KAFKA_TLS" $extra) .Values.kafka.tls.caSecret .Values.kafka.tls.clientSecret -}}
{{- if and (eq ($c.BRIDGE_KAFKA_SASL_MECHANISM | default "" | upper) "AWS_MSK_IAM") (not $tls) -}}
{{- $faults = append $faults "config.BRIDGE_KAFKA_SASL_MECHANISM is AWS_MSK_IAM, which needs TLS: set config.BRIDGE_KAFKA_TLS to true" -}}
{{- end -}}
{{- if eq ($c.BRIDGE_KAFKA_SASL_MECHANISM | default "" | upper) "OAUTHBEARER" -}}
{{- range $name, $what := dict "BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL" "the URL that gives out the tokens" "BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID" "the client's id" -}}
{{- if not (or (get $c $name) (has $name $extra)) -}}
{{- $faults = append $faults (printf "config.BRIDGE_KAFKA_SASL_MECHANISM is OAUTHBEARER, but config.%s is missing: set it to %s" $name $what) -}}
{{- end -}}
{{- end -}}
{{- if not (or $sasl.existingSecret $c.BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE) -}}
{{- $faults = append $faults "config.BRIDGE_KAFKA_SASL_MECHANISM is OAUTHBEARER, but there is no client secret: set kafka.sasl.existingSecret to the Secret that holds it" -}}
{{- end -}}
{{- end -}}
{{- if and (or .Values.schemaRegistry.existingSecret .Values.schemaRegistry.caSecret) (not (or $c.BRIDGE_SCHEMA_REGISTRY_URL (has "BRIDGE_SCHEMA_REGISTRY_URL" $extra))) -}}
{{- $faults = append $faults "schemaRegistry names a Secret, which has no effect without config.BRIDGE_SCHEMA_REGISTRY_URL" -}}
{{- end -}}
{{- if and (eq ($c.BRIDGE_VALUE_FORMAT | default "" | lower) "registry") (not (or $c.BRIDGE_SCHEMA_REGISTRY_URL (has "BRIDGE_SCHEMA_REGISTRY_URL" $extra))) -}}
{{- $faults = append $faults "config.BRIDGE_VALUE_FORMAT is registry, but config.BRIDGE_SCHEMA_REGISTRY_URL is missing: set it to the registry's URL" -}}
{{- end -}}
{{- range .Values.extraContainers -}}
{{- if eq .name "bridge" -}}
{{- $faults = append $faults "extraContainers holds one called bridge, which is the chart's own: give it another name" -}}
{{- end -}}
{{- end -}}
{{- $set := append (keys $c) "BRIDGE_INSTANCE_ID" -}}
{{- if include "bridge.stays" . -}}
{{- $set = append $set "BRIDGE_LEAVE_ON_STOP" -}}
{{- end -}}
{{- if not $c.BRIDGE_KAFKA_GROUP_ID -}}
{{- $set = append $set "BRIDGE_KAFKA_GROUP_ID" -}}
{{- end -}}
{{- range $entry := include "bridge.managedEnv" . | fromYamlArray -}}
{{- if hasKey $c $entry.name -}}
{{- $from := ternary "label: remove it, or kafka.rackLabel" "Secret: remove it, or the value that names the Secret" (eq $entry.name "BRIDGE_KAFKA_RACK") -}}
{{- $faults = append $faults (printf "config.%s is set by the chart from a %s" $entry.name $from) -}}
{{- end -}}
{{- $set = append $set $entry.name -}}
{{- end -}}
{{- range $extra -}}
{{- if has . $set -}}
{{- $faults = append $faults (printf "extraEnv sets %s a second time: the chart, config or extraEnv sets it already%s" . (eq . "BRIDGE_KAFKA_GROUP_ID" | ternary "; set config.BRIDGE_KAFKA_GROUP_ID" "")) -}}
{{- end -}}
{{- $set = append $set . -}}
{{- end -}}
{{- $sleep := include "bridge.preStopSeconds" . | int64 -}}
{{- $need := add (include "bridge.seconds" ($c.BRIDGE_SHUTDOWN_TIMEOUT | default "60s") | int64) 10 $sleep -}}
{{- if and (not (kindIs "invalid" .Values.terminationGracePeriodSeconds)) (lt (int64 .Values.terminationGracePeriodSeconds) $need) -}}
{{- $faults = append $faults (printf "terminationGracePeriodSeconds (%d) would kill the bridge while it stores what it holds: it must be at least %d, config.BRIDGE_SHUTDOWN_TIMEOUT (%s)%s and 10 s" (int64 .Values.terminationGracePeriodSeconds) $need ($c.BRIDGE_SHUTDOWN_TIMEOUT | default "60s") (ternary (printf ", the %d s of lifecycle.preStop" $sleep) "" (gt $sleep 0))) -}}
{{- end -}}
{{- $unreadable := false -}}
{{- range $side := list "requests" "limits" -}}
{{- range $name, $quantity := get $.Values.resources $side | default dict -}}
{{- $text := include "bridge.text" $quantity -}}
{{- if and (eq $name "memory") (regexMatch "^[0-9.]+m$" $text) -}}
{{- $unreadable = true -}}
{{- $faults = append $faults (printf "resources.%s.memory (%s) is in thousandths of a byte: write M or Mi" $side $text) -}}
{{- else if not (regexMatch "^[0-9]+([.][0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?$" $text) -}}
{{- $unreadable = true -}}
{{- $faults = append $faults (printf "resources.%s.%s (%s) is no quantity of Kubernetes: write it like %s" $side $name $text (eq $name "cpu" | ternary "500m or 2" "512Mi or 512M")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $limit := dig "memory" "" (get .Values.resources "limits" | default dict) -}}
{{- if and $limit (not $unreadable) -}}
{{- $least := add (include "bridge.bytes" ($c.BRIDGE_BUFFER_MAX_BYTES | default "256MiB") | int64) 67108864 -}}
{{- if lt (include "bridge.bytes" $limit | int64) $least -}}
{{- $faults = append $faults (printf "resources.limits.memory (%s) is below config.BRIDGE_BUFFER_MAX_BYTES (%s) and 64 MiB of headroom: raise it to %dMi or lower the buffer" (include "bridge.text" $limit) (include "bridge.text" ($c.BRIDGE_BUFFER_MAX_BYTES | default "256MiB")) (div (add $least 1048575) 1048576)) -}}
{{- end -}}
{{- end -}}
{{- $a := .Values.autoscaling -}}
{{- $most := ternary (int64 $a.maxReplicas) (int64 .Values.replicaCount) $a.enabled -}}
{{- if and $a.partitions (gt $most (int64 $a.partitions)) -}}
{{- $faults = append $faults (printf "%s (%d) is more than the %d partitions in autoscaling.partitions: the replicas beyond would never get one" (ternary "autoscaling.maxReplicas" "replicaCount" $a.enabled) $most (int64 $a.partitions)) -}}
{{- end -}}
{{- if $a.enabled -}}
{{- if not $a.partitions -}}
{{- $faults = append $faults "autoscaling.partitions is missing: say how many partitions the topics have in all, so that no replica is started that would get none" -}}
{{- end -}}
{{- if not $a.prometheusAddress -}}
{{- $faults = append $faults "autoscaling.prometheusAddress is missing: set the URL of the Prometheus that KEDA asks" -}}
{{- end -}}
{{- if gt (int64 $a.minReplicas) (int64 $a.maxReplicas) -}}
{{- $faults = append $faults (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d)" (int64 $a.minReplicas) (int64 $a.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- $faults = append $faults "serviceMonitor and podMonitor would scrape every replica twice: enable one" -}}
{{- end -}}
{{- $n := .Values.networkPolicy -}}
{{- if $n.enabled -}}
{{- if not (or $n.kafkaCIDRs $n.kafkaPeers) -}}
{{- $faults = append $faults "networkPolicy would cut the bridge off from Kafka: set networkPolicy.kafkaCIDRs or networkPolicy.kafkaPeers" -}}
{{- end -}}
{{- if not $n.httpsCIDRs -}}
{{- $faults = append $faults "networkPolicy would cut the bridge off from the import API: set networkPolicy.httpsCIDRs" -}}
{{- end -}}
{{- end -}}
{{- $p := .Values.podDisruptionBudget -}}
{{- if and $p.enabled (kindIs "invalid" $p.minAvailable) (kindIs "invalid" $p.maxUnavailable) -}}
{{- $faults = append $faults "podDisruptionBudget needs podDisruptionBudget.minAvailable or podDisruptionBudget.maxUnavailable" -}}
{{- end -}}
{{- if and $p.enabled (not (kindIs "invalid" $p.minAvailable)) (not (kindIs "invalid" $p.maxUnavailable)) -}}
{{- $faults = append $faults "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable exclude each other: set one to null" -}}
{{- end -}}
{{- if gt (len (.Values.fullnameOverride | default "")) 46 -}}
{{- $faults = append $faults (printf "fullnameOverride (%s) is longer than 46 characters, which is what the names of pods leave to it: shorten it, and where no config.BRIDGE_KAFKA_GROUP_ID is set, set it to the longer name, for another group reads everything anew" .Values.fullnameOverride) -}}
{{- end -}}
{{- $name := include "bridge.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- $faults = append $faults (printf "%q cannot name a Service, which begins with a letter and holds letters, digits and -: choose another name of the release, or set fullnameOverride" $name) -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n  - %s\n" (join "\n  - " $faults)) -}}
{{- end -}}
{{- end -}}
