package preflight

import (
	"context"
	"errors"

	"kafka-import-bridge/internal/decode"
)

// checkRegistry asks the schema registry for its answer.
func (p *Preflight) checkRegistry(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, preflightPatience)
	defer cancel()
	err := p.cfg.Schemas.Check(ctx)
	if err == nil {
		return Finding{Check: "schema registry", OK: true, Detail: "answers"}
	}
	f := Finding{Check: "schema registry", Detail: oneLine(err.Error()), Remedy: "correct BRIDGE_SCHEMA_REGISTRY_URL, or see to it that the registry can be reached from here"}
	if errors.Is(err, decode.ErrRefused) {
		f.Remedy = "correct BRIDGE_SCHEMA_REGISTRY_USERNAME and BRIDGE_SCHEMA_REGISTRY_PASSWORD"
	}
	return f
}
