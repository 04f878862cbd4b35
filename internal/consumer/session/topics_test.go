package session

import (
	"kafka-import-bridge/internal/wire"
)

var (
	ownTopic  = wire.UUID{1}
	goneTopic = wire.UUID{2}
)
