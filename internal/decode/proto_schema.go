package decode

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/walk"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoFile is a compiled .proto file. It is immutable, and holds on to nothing that the
// compiler has made.
type protoFile struct {
	top      []*protoMessage                         // of the file itself, as the indexes of records count
	messages map[protoreflect.FullName]*protoMessage // of the file and all that it imports
}

// protoMessage is a message type, ready to be read by.
type protoMessage struct {
	special  func(*protoReader, *protoMessage, []byte) bool // reads one that has a JSON of its own
	dense    []*protoField                                  // by number, for low ones; nil is none
	byNumber map[protoreflect.FieldNumber]*protoField       // the others
	nested   []*protoMessage                                // as indexes count
}

// protoField is a field of a message.
type protoField struct {
	key      string // `"name":`
	number   protoreflect.FieldNumber
	place    int // in the schema
	kind     protoreflect.Kind
	wire     protowire.Type
	brackets string // of a list or map, else ""
	presence bool   // it is there even if it holds the default
	oneof    int    // the oneof that it is part of, -1 if none
	message  *protoMessage
	enum     map[int32]string // JSON strings
	null     bool             // the enum google.protobuf.NullValue
	entry    *protoMessage    // of a map: key and value
}

// isList reports whether the field may have several items: a list or a map.
func (f *protoField) isList() bool { return f.brackets != "" }

// isNumber reports whether a list of the field may be packed.
func (f *protoField) isNumber() bool {
	return f.wire != protowire.BytesType && f.wire != protowire.StartGroupType
}

// denseNumbers is how many field numbers are looked up without a map.
const denseNumbers = 256

// parseProto compiles a .proto file. references are the texts of what it imports,
// by path; those of protoc and of Confluent's serializers are known.
func parseProto(ctx context.Context, references map[string]string, text string) (*protoFile, error) {
	file, err := describeProto(ctx, references, text)
	if err != nil {
		return nil, err
	}
	c := protoCompiler{made: map[protoreflect.FullName]*protoMessage{}, extensions: map[protoreflect.FullName][]protoreflect.FieldDescriptor{}}
	var messages []protoreflect.MessageDescriptor
	for _, file := range withImports(nil, file) {
		_ = walk.Descriptors(file, func(d protoreflect.Descriptor) error {
			switch d := d.(type) {
			case protoreflect.MessageDescriptor:
				messages = append(messages, d)
			case protoreflect.FieldDescriptor:
				if d.IsExtension() {
					extended := d.ContainingMessage().FullName()
					c.extensions[extended] = append(c.extensions[extended], d)
				}
			}
			return nil
		})
	}
	for _, m := range messages {
		c.message(m)
	}
	return &protoFile{top: c.counted(file.Messages()), messages: c.made}, nil
}

// describeProto makes the compiler's description of a .proto file.
func describeProto(ctx context.Context, references map[string]string, text string) (protoreflect.FileDescriptor, error) {
	name := "schema.proto"
	for i := 0; references[name] != ""; i++ {
		name = "schema" + strconv.Itoa(i) + ".proto"
	}
	source := func(path string) (io.ReadCloser, error) {
		given, ok := references[path]
		switch {
		case path == name:
			given = text
		case !ok:
			return openKnown(path)
		}
		return io.NopCloser(strings.NewReader(given)), nil
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: source}),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(ctx, name)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// optionsFile is imported for the options of other files. It is large, and messages of it
// are compiled where a field has them only.
const optionsFile = "google/protobuf/descriptor.proto"

// withImports adds a file and all that it imports to those that are there.
func withImports(all []protoreflect.FileDescriptor, file protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	if file.Path() == optionsFile || slices.ContainsFunc(all, func(f protoreflect.FileDescriptor) bool { return f.Path() == file.Path() }) {
		return all
	}
	all = append(all, file)
	for i := range file.Imports().Len() {
		all = withImports(all, file.Imports().Get(i).FileDescriptor)
	}
	return all
}

// message returns the message type that the indexes of a record lead to, nil if there
// is none: a place among the file's messages, then one among those nested in it, and
// so on.
func (f *protoFile) message(indexes []int) (m *protoMessage) {
	for level := f.top; len(indexes) > 0; indexes = indexes[1:] {
		if i := indexes[0]; i < 0 || i >= len(level) {
			return nil
		}
		m = level[indexes[0]]
		level = m.nested
	}
	return m
}

// protoCompiler makes messages of descriptors.
type protoCompiler struct {
	made       map[protoreflect.FullName]*protoMessage
	extensions map[protoreflect.FullName][]protoreflect.FieldDescriptor // by what they extend
}

func (c *protoCompiler) message(d protoreflect.MessageDescriptor) *protoMessage {
	if m, ok := c.made[d.FullName()]; ok {
		return m
	}
	m := &protoMessage{special: protoSpecials[d.FullName()], byNumber: map[protoreflect.FieldNumber]*protoField{}}
	c.made[d.FullName()] = m
	fields := d.Fields()
	for i := range fields.Len() {
		m.add(c.field(fields.Get(i), i))
	}
	for i, x := range c.extensions[d.FullName()] {
		m.add(c.field(x, fields.Len()+i))
	}
	m.nested = c.counted(d.Messages())
	return m
}

// counted returns the messages that the indexes of a record count. The types that the
// compiler makes of maps do not, as for Confluent's Java serializer, which defined the
// format.
func (c *protoCompiler) counted(all protoreflect.MessageDescriptors) (messages []*protoMessage) {
	for i := range all.Len() {
		if d := all.Get(i); !d.IsMapEntry() {
			messages = append(messages, c.message(d))
		}
	}
	return messages
}

// field makes a field that has a place in its message.
func (c *protoCompiler) field(d protoreflect.FieldDescriptor, place int) *protoField {
	name := d.JSONName()
	if d.IsExtension() {
		name = fmt.Sprintf("[%s]", d.FullName())
	}
	f := &protoField{
		key: quoted(name) + ":", number: d.Number(), place: place, kind: d.Kind(), wire: wireTypes[d.Kind()], presence: d.HasPresence(), oneof: -1,
	}
	if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
		f.oneof = o.Index()
	}
	switch {
	case d.IsMap():
		f.brackets, f.entry, f.wire = "{}", c.message(d.Message()), protowire.BytesType
		return f
	case d.Message() != nil:
		f.message = c.message(d.Message())
	case d.Enum() != nil:
		f.null = d.Enum().FullName() == "google.protobuf.NullValue"
		f.enum = map[int32]string{}
		values := d.Enum().Values()
		for i := values.Len() - 1; i >= 0; i-- { // of aliases the first one counts
			f.enum[int32(values.Get(i).Number())] = quoted(string(values.Get(i).Name()))
		}
	}
	if d.IsList() {
		f.brackets = "[]"
	}
	return f
}

func (m *protoMessage) add(f *protoField) {
	if f.number >= denseNumbers {
		m.byNumber[f.number] = f
		return
	}
	for len(m.dense) <= int(f.number) {
		m.dense = append(m.dense, nil)
	}
	m.dense[f.number] = f
}

// find returns the field of a number, nil if there is none.
func (m *protoMessage) find(number protoreflect.FieldNumber) *protoField {
	if int(number) < len(m.dense) {
		return m.dense[number]
	}
	return m.byNumber[number]
}
