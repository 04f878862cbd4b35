package config

import "time"

// API holds how the import API and the store behind it are reached, and how much at once.
type API struct {
	Key Secret `envconfig:"SAFETYKIT_API_KEY" required:"true" desc:"API key, sent as a Bearer token to the API only. Required."`

	// BaseURL has no trailing slash.
	BaseURL URL `envconfig:"SAFETYKIT_BASE_URL" default:"https://api.safetykit.com" desc:"Base URL of the import API. Plain http is accepted for loopback hosts only, unless BRIDGE_ALLOW_INSECURE_HTTP=true. HTTPS_PROXY and NO_PROXY are honoured."`

	// AllowInsecureHTTP accepts connections on which anybody can read the key and the
	// records.
	AllowInsecureHTTP bool   `envconfig:"BRIDGE_ALLOW_INSECURE_HTTP" default:"false" desc:"Accept plain http also for hosts that are not loopback: the API, upload URLs, the OAuth endpoint and the schema registry."`
	CAFile            string `envconfig:"BRIDGE_HTTP_CA_FILE" desc:"PEM file with further roots for the API, the store, the OAuth endpoint and the schema registry. Read again for each new connection."`

	// CustomHeaders are read by ParseHeaders.
	CustomHeaders Secret `envconfig:"SAFETYKIT_CUSTOM_HEADERS" form:"headers" desc:"Further headers for requests to the API, Name: value, one a line. They never go to the store, and their values are shown nowhere. Headers that the bridge sets itself are refused."`
	ImportPath    string `envconfig:"BRIDGE_IMPORT_PATH" default:"auto" desc:"Path of the call that creates an import, with {namespace} in it. auto takes /v1/data/{namespace}/import, or where that name answers 404, 405 or 410 the newer name of the same call, /v1/data/{namespace}/requests/upload-url; the one that answers is kept until it answers so itself."`

	// UploadConcurrency bounds the imports in flight: with few a slow store limits
	// throughput, with many a store that throttles does so earlier.
	UploadConcurrency    int           `envconfig:"BRIDGE_UPLOAD_CONCURRENCY" default:"16" min:"1" max:"1024" desc:"Imports in flight in all."`
	NamespaceConcurrency int           `envconfig:"BRIDGE_NAMESPACE_CONCURRENCY" default:"1" min:"1" max:"1024" desc:"Imports in flight per namespace. Above 1 the order between a namespace's batches is not kept."`
	ImportTimeout        time.Duration `envconfig:"BRIDGE_IMPORT_TIMEOUT" default:"30s" min:"1ms" max:"1h" desc:"Time for one attempt to create an import (POST)."`

	// UploadTimeout bounds one PUT. Where it is too short for the batch size and the
	// store's speed no upload ever succeeds.
	UploadTimeout time.Duration `envconfig:"BRIDGE_UPLOAD_TIMEOUT" default:"5m" min:"1ms" max:"12h" desc:"Time for one attempt to upload a batch (PUT)."`
}

// Retry holds the bounds of the time between attempts, which is random between zero and
// a bound that doubles from MinBackoff to MaxBackoff.
type Retry struct {
	MinBackoff time.Duration `envconfig:"BRIDGE_RETRY_MIN_BACKOFF" default:"500ms" min:"1ms" max:"1h" desc:"First backoff after a failed attempt, before jitter."`
	MaxBackoff time.Duration `envconfig:"BRIDGE_RETRY_MAX_BACKOFF" default:"30s" min:"1ms" max:"1h" desc:"Largest backoff, before jitter; a Retry-After of the server (capped at an hour) is a floor."`
}

// Follow holds whether, how long and how many stored imports are followed to their end.
type Follow struct {
	Enabled bool          `envconfig:"BRIDGE_FOLLOW" default:"true" desc:"Ask the API what became of each stored import until it is succeeded or failed; at most ten questions a second. It delays nothing."`
	MaxAge  time.Duration `envconfig:"BRIDGE_FOLLOW_MAX_AGE" default:"24h" min:"1s" max:"720h" desc:"How long after its upload an import is followed; then it counts as unknown."`

	// MaxImports bounds the imports that are followed, each of which takes about half a
	// KiB of memory.
	MaxImports int `envconfig:"BRIDGE_FOLLOW_MAX_IMPORTS" default:"10000" min:"1" max:"100000" desc:"How many imports are followed at once; further ones count as unfollowed."`
}
