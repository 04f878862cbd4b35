package config

import (
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
)

// Kafka holds the settings of the brokers, the topics and the group.
type Kafka struct {
	// Brokers are the addresses at which the cluster is looked for. One that answers is
	// enough.
	Brokers List `envconfig:"BRIDGE_KAFKA_BROKERS" required:"true" desc:"Bootstrap brokers, host:port,... Required."`
	Topics  List `envconfig:"BRIDGE_KAFKA_TOPICS" desc:"Topics to read, comma-separated. Either this or BRIDGE_KAFKA_TOPIC_REGEX is required."`

	// TopicRegex is unset when Topics is set.
	TopicRegex Regexp `envconfig:"BRIDGE_KAFKA_TOPIC_REGEX" desc:"Regular expression that a whole topic name must match, evaluated again at every metadata refresh; internal topics, BRIDGE_DLQ_TOPIC and BRIDGE_RECEIPTS_TOPIC never match."`

	// TopicExclude takes topics out of those that TopicRegex matches. Unset it takes none.
	TopicExclude Regexp `envconfig:"BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX" only:"BRIDGE_KAFKA_TOPIC_REGEX" desc:"Regular expression for topics that BRIDGE_KAFKA_TOPIC_REGEX matches and that are not to be read: a name that it matches as a whole is left out."`
	Group
	OffsetReset    ledger.OffsetReset `envconfig:"BRIDGE_KAFKA_OFFSET_RESET" default:"earliest" pattern:"^(|earliest|latest|hold|timestamp:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})|duration:([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+)$" desc:"Where a partition starts when the group is new: earliest, latest, timestamp:2026-11-01T00:00:00Z (the first record that is not older) or duration:24h (the first record that is not older than that); where there is none, the end. The start is committed at once; partitions that appear later start at earliest. A committed offset below the log start goes on at the log start, one beyond the end starts again at earliest; both are counted and logged. hold starts a new group at earliest, and holds an out-of-range partition instead."`
	IsolationLevel IsolationLevel     `envconfig:"BRIDGE_KAFKA_ISOLATION_LEVEL" default:"read_committed" oneof:"read_committed|read_uncommitted" desc:"read_uncommitted also takes records of open and aborted transactions."`

	Session

	// FetchMaxBytes bounds an answer. Less is asked for where the buffer is small.
	FetchMaxBytes Size `envconfig:"BRIDGE_KAFKA_FETCH_MAX_BYTES" default:"16MiB" min:"1" max:"1GiB" desc:"Bound of one fetch response in bytes."`

	// FetchMaxWait bounds the wait for an answer. Small values cost requests on idle
	// topics.
	FetchMaxWait    time.Duration `envconfig:"BRIDGE_KAFKA_FETCH_MAX_WAIT" default:"500ms" min:"1ms" max:"1m" desc:"How long a broker may wait for records before it answers a fetch."`
	MetadataRefresh time.Duration `envconfig:"BRIDGE_KAFKA_METADATA_REFRESH" default:"30s" min:"10ms" max:"1h" desc:"New partitions and topics are picked up within this."`
	Rack            string        `envconfig:"BRIDGE_KAFKA_RACK" desc:"Rack (zone) of this process, as the brokers name it in broker.rack: partitions are read from a replica there where the brokers offer one (KIP-392, which needs replica.selector.class on the brokers), else from their leaders."`

	TLS  KafkaTLS `section:"TLS to the brokers"`
	SASL SASL     `section:"Authentication to the brokers"`
}

// Group holds the name of the consumer group and the names of this process in it.
type Group struct {
	GroupID     string `envconfig:"BRIDGE_KAFKA_GROUP_ID" required:"true" desc:"Consumer group. For bridges only: other clients cannot share it. Required."`
	ClientID    string `envconfig:"BRIDGE_KAFKA_CLIENT_ID" default:"kafka-import-bridge" desc:"Client id in the brokers' logs and quotas."`
	InstanceID  string `envconfig:"BRIDGE_INSTANCE_ID" desc:"Name unique to this replica: the member's group.instance.id (static membership). A process that comes back under its name within BRIDGE_KAFKA_SESSION_TIMEOUT, after kill -9 too, takes its partitions up again at once and without a rebalance. If the group meets the name twice, the older process stops at once with exit code 1. It also becomes a part of the client id: the client id, a dash and this name."`
	LeaveOnStop bool   `envconfig:"BRIDGE_LEAVE_ON_STOP" default:"true" desc:"Leave the group on SIGTERM, so that others take over at once. false needs BRIDGE_INSTANCE_ID: the process stays a member, so that a restart within BRIDGE_KAFKA_SESSION_TIMEOUT moves no partition."`
}

// Session holds the timeouts of the group membership.
type Session struct {
	// SessionTimeout bounds the silence of a member. Where it is short a pause of the
	// process causes rebalances; where it is long a crashed member's partitions stand
	// still that long.
	SessionTimeout time.Duration `envconfig:"BRIDGE_KAFKA_SESSION_TIMEOUT" default:"30s" min:"100ms" max:"24h" desc:"How long the group waits for a silent member before its partitions go to others. At least three heartbeat intervals."`

	// RebalanceTimeout bounds a drain. A member that needs longer is thrown out, and its
	// unstored batches are repeated elsewhere.
	RebalanceTimeout  time.Duration `envconfig:"BRIDGE_KAFKA_REBALANCE_TIMEOUT" default:"120s" min:"100ms" max:"24h" desc:"How long a rebalance may wait for members to store what they have. At least the session timeout."`
	HeartbeatInterval time.Duration `envconfig:"BRIDGE_KAFKA_HEARTBEAT_INTERVAL" default:"3s" min:"10ms" max:"1h" desc:"How often a member tells the group that it lives; a rebalance is noticed within this."`
}

// KafkaTLS holds how the connections to the brokers are encrypted.
type KafkaTLS struct {
	// Enabled turns TLS on. The other fields are empty when it is off.
	Enabled    bool   `envconfig:"BRIDGE_KAFKA_TLS" default:"false" desc:"TLS to the brokers."`
	CAFile     string `envconfig:"BRIDGE_KAFKA_TLS_CA_FILE" only:"BRIDGE_KAFKA_TLS=true" desc:"PEM file with the roots that sign the brokers' certificates, instead of the system's."`
	CertFile   string `envconfig:"BRIDGE_KAFKA_TLS_CERT_FILE" only:"BRIDGE_KAFKA_TLS=true" desc:"PEM file with the client certificate for mutual TLS; needs BRIDGE_KAFKA_TLS_KEY_FILE."`
	KeyFile    string `envconfig:"BRIDGE_KAFKA_TLS_KEY_FILE" only:"BRIDGE_KAFKA_TLS=true" desc:"PEM file with the client certificate's key."`
	ServerName string `envconfig:"BRIDGE_KAFKA_TLS_SERVER_NAME" only:"BRIDGE_KAFKA_TLS=true" desc:"Name expected in the brokers' certificates instead of the host dialled."`

	// InsecureSkipVerify lets anyone on the path read the password and the records.
	InsecureSkipVerify bool `envconfig:"BRIDGE_KAFKA_TLS_INSECURE_SKIP_VERIFY" only:"BRIDGE_KAFKA_TLS=true" default:"false" desc:"Accept any broker certificate. For experiments only."`
}

// SASL holds the credentials for the brokers.
type SASL struct {
	// Mechanism is empty when the brokers ask for no credentials.
	Mechanism         SASLMechanism `envconfig:"BRIDGE_KAFKA_SASL_MECHANISM" oneof:"PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER|AWS_MSK_IAM" desc:"How to authenticate to the brokers; not at all when unset. AWS_MSK_IAM takes its credentials from the AWS default chain."`
	Username          string        `envconfig:"BRIDGE_KAFKA_SASL_USERNAME" only:"BRIDGE_KAFKA_SASL_MECHANISM" requiredby:"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN|SCRAM-SHA-256|SCRAM-SHA-512" desc:"User for PLAIN and SCRAM."`
	Password          Secret        `envconfig:"BRIDGE_KAFKA_SASL_PASSWORD" only:"BRIDGE_KAFKA_SASL_MECHANISM" requiredby:"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN|SCRAM-SHA-256|SCRAM-SHA-512" desc:"Password for PLAIN and SCRAM."`
	OAuthTokenURL     URL           `envconfig:"BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL" only:"BRIDGE_KAFKA_SASL_MECHANISM" requiredby:"BRIDGE_KAFKA_SASL_MECHANISM=OAUTHBEARER" desc:"Token endpoint for OAUTHBEARER (client credentials grant)."`
	OAuthClientID     string        `envconfig:"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID" only:"BRIDGE_KAFKA_SASL_MECHANISM" requiredby:"BRIDGE_KAFKA_SASL_MECHANISM=OAUTHBEARER" desc:"Client id for OAUTHBEARER."`
	OAuthClientSecret Secret        `envconfig:"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET" only:"BRIDGE_KAFKA_SASL_MECHANISM" requiredby:"BRIDGE_KAFKA_SASL_MECHANISM=OAUTHBEARER" desc:"Client secret for OAUTHBEARER."`
	OAuthScopes       List          `envconfig:"BRIDGE_KAFKA_SASL_OAUTH_SCOPES" only:"BRIDGE_KAFKA_SASL_MECHANISM" desc:"Scopes to ask for, comma-separated."`

	// OAuthExtensions are sent beside the token (KIP-342).
	OAuthExtensions SASLExtensions `envconfig:"BRIDGE_KAFKA_SASL_OAUTH_EXTENSIONS" only:"BRIDGE_KAFKA_SASL_MECHANISM=OAUTHBEARER" desc:"SASL extensions for OAUTHBEARER, name=value,...; Confluent Cloud wants logicalCluster=lkc-...,identityPoolId=pool-...."`

	// AWSRegion is empty where the AWS default chain knows it.
	AWSRegion string `envconfig:"AWS_REGION" desc:"Region of the MSK cluster for AWS_MSK_IAM, where the AWS default chain does not know it."`
}
