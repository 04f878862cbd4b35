package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

// Any text in any variable either loads, and then what it is described as
// loads too and means the same, or is an error that names the variable.
func FuzzLoad_values(f *testing.F) {
	settings := config.Settings()
	for i, s := range settings {
		for _, value := range append([]string{s.Default, s.Min, s.Max, "x=y", "/a/0@1", "[", "8 MiB", "\xff", "a:1,b:2"}, s.OneOf...) {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		s := settings[int(which)%len(settings)]
		if s.Secret() || strings.HasSuffix(s.Variable, "_FILE") {
			t.Skip("FuzzLoad_secrets covers it, or it would read files")
		}
		cfg, err := config.Load(with(s.Variable+"="+value), 0)
		if err != nil {
			if !strings.Contains(err.Error(), s.Variable) {
				t.Fatalf("%s=%q: the error does not name the variable: %v", s.Variable, value, err)
			}
			return
		}
		shown := cfg.Effective(s)
		again, err := config.Load(with(s.Variable+"="+shown), 0)
		if err != nil {
			t.Fatalf("%s=%q loads, but not as described (%q): %v", s.Variable, value, shown, err)
		}
		if a, b := plain(cfg), plain(again); a != b {
			t.Fatalf("%s=%q means\n%s\nas described (%q) it means\n%s", s.Variable, value, a, shown, b)
		}
	})
}

// plain prints a configuration's values without the state behind its secrets.
func plain(cfg *config.Config) string {
	return fmt.Sprintf("%v", []any{cfg.Kafka.Brokers, cfg.Kafka.Topics, cfg.Kafka, cfg.Namespace.Source.String(),
		cfg.Namespace.Map.String(), cfg.Namespace.Allow.String(), cfg.ID, cfg.Policies, cfg.Batch, cfg.Buffer,
		cfg.API.BaseURL.String(), cfg.API.ImportPath, cfg.API.UploadConcurrency, cfg.API.NamespaceConcurrency,
		cfg.API.ImportTimeout, cfg.API.UploadTimeout, cfg.Retry, cfg.HTTP, cfg.Shutdown, cfg.Log})
}

// Whatever a secret is, neither an error nor a description holds it.
func FuzzLoad_secrets(f *testing.F) {
	f.Add("sk_live_1234567890", "s3cret-password")
	f.Add("sk live\n1234567890", "\x00password\x7f")
	f.Add("\xff\xfe1234567890", `p"a%s's$w{o}rd`)
	f.Fuzz(func(t *testing.T, key, password string) {
		key, password = "Zq7"+key+"7qZ", "Xv3"+password+"3vX" // not part of any other text
		environ := []string{
			"BRIDGE_KAFKA_BROKERS=kafka-0:9092", "BRIDGE_KAFKA_TOPICS=users", "BRIDGE_KAFKA_GROUP_ID=g",
			"SAFETYKIT_API_KEY=" + key,
			"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN", "BRIDGE_KAFKA_SASL_USERNAME=u", "BRIDGE_KAFKA_SASL_PASSWORD=" + password,
			// Names that do not exist, with the same values.
			"SAFETYKIT_API_KEI=" + key, "BRIDGE_KAFKA_SASL_PASWORD=" + password,
			"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE=" + password,
		}
		_, err := config.Load(environ, 0)
		if err == nil {
			t.Fatal("unknown variables were accepted")
		}
		refuseSecrets(t, err.Error(), key, password)
		cfg, err := config.Load(environ[:7], 0)
		if err != nil {
			refuseSecrets(t, err.Error(), key, password)
			return
		}
		var out bytes.Buffer
		if err := cfg.Describe(&out); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%v %+v", cfg, *cfg)
		refuseSecrets(t, out.String(), key, password)
	})
}

func refuseSecrets(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, form := range []string{secret, fmt.Sprintf("%q", secret), secret[:3], secret[len(secret)-3:]} {
			if strings.Contains(text, form) {
				t.Fatalf("%q is in the text:\n%s", secret, text)
			}
		}
	}
}

// The accepted forms of a size, and that what is accepted can be written back.
func FuzzSize(f *testing.F) {
	for _, text := range []string{"0", "8388608", "8MiB", "8MB", "1kib", "3 GB", "9223372036854775807", "8589934592GiB", "-1", "MiB", "8M", "1.5MiB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, again config.Size
		if err := size.Decode(text); err != nil {
			return
		}
		if size < 0 {
			t.Fatalf("%q is %d bytes", text, int64(size))
		}
		if err := again.Decode(size.String()); err != nil || again != size {
			t.Fatalf("%q is %d, written %q it is %d (%v)", text, int64(size), size, int64(again), err)
		}
	})
}
