package decode

// fault is the reason why a value became no JSON. Its text is a sentence for an
// operator and holds nothing of the value.
type fault string

const (
	faultNone  fault = ""
	faultShort fault = "its JSON is too large"

	faultMagic   fault = "the value does not begin with the magic byte 0 and the 4 bytes of a schema id"
	faultHeader  fault = "the header " + Header + " names no schema"
	faultIndexes fault = "the indexes of a Protobuf message are damaged"
	faultMessage fault = "its schema has no message of the indexes that the record names"

	faultEnd       fault = "the value ends too early"
	faultRest      fault = "bytes are left behind what the schema describes"
	faultVarint    fault = "an integer has too many bytes"
	faultRange     fault = "an integer is out of its type's range"
	faultLength    fault = "a length is negative"
	faultBoolean   fault = "a boolean is neither 0 nor 1"
	faultUTF8      fault = "a string is not valid UTF-8"
	faultBranch    fault = "the branch of a union does not exist"
	faultSymbol    fault = "the symbol of an enum does not exist"
	faultDepth     fault = "it nests deeper than 1000 levels"
	faultDecimal   fault = "a decimal has no bytes, or more than 1024"
	faultTimestamp fault = "a timestamp is not within the years 0 to 9999 (Protobuf: 1 to 9999)"
	faultWire      fault = "a field is not of Protobuf's wire format, or groups nest deeper than 100 levels"
	faultScattered fault = "more than 65536 fields are out of order, or 2 MiB of messages come in parts"
	faultDuration  fault = "a duration is out of range"
	faultAny       fault = "the type of an Any is not in the schema"
	faultTimeOfDay fault = "a time of day is not within one day"
)

// maxDepth is how deep records, arrays, maps and messages may nest.
const maxDepth = 1000
