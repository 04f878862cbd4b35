package decode

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/walk"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoFile is a compiled .proto file. Its messages are made ready to be read by
// when it is compiled, those of Any when they are met. It is immutable.
type protoFile struct {
	file     protoreflect.FileDescriptor
	messages map[protoreflect.FullName]*protoMessage // of the file and all that it imports
}

// protoMessage is a message type, ready to be read by.
type protoMessage struct {
	special  protoSpecial
	fields   []protoField
	dense    []int32                          // by number, for low ones: index in fields + 1, 0 is none
	byNumber map[protoreflect.FieldNumber]int // the same for others
}

// protoField is a field of a message.
type protoField struct {
	key      string // `"name":`
	number   protoreflect.FieldNumber
	kind     protoreflect.Kind
	list     bool
	presence bool // it is there even if it holds the default
	oneof    int  // the oneof that it is part of, -1 if none
	message  *protoMessage
	enum     map[int32]string // JSON strings
	null     bool             // the enum google.protobuf.NullValue
	entry    *protoMessage    // of a map: key and value
}

// denseNumbers is how many field numbers are looked up without a map.
const denseNumbers = 256

// parseProto compiles a .proto file. references are the texts of what it imports,
// by path; those of protoc and of Confluent's serializers are known.
func parseProto(ctx context.Context, references map[string]string, text string) (*protoFile, error) {
	sources := maps.Clone(knownImports)
	maps.Copy(sources, references)
	name := "schema.proto"
	for i := 0; sources[name] != ""; i++ {
		name = "schema" + strconv.Itoa(i) + ".proto"
	}
	sources[name] = text
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(ctx, name)
	if err != nil {
		return nil, err
	}
	c := protoCompiler{made: map[protoreflect.FullName]*protoMessage{}, extensions: map[protoreflect.FullName][]protoreflect.FieldDescriptor{}}
	imported := withImports(nil, files[0])
	for _, file := range imported {
		_ = walk.Descriptors(file, func(d protoreflect.Descriptor) error {
			if x, ok := d.(protoreflect.FieldDescriptor); ok && x.IsExtension() {
				extended := x.ContainingMessage().FullName()
				c.extensions[extended] = append(c.extensions[extended], x)
			}
			return nil
		})
	}
	for _, file := range imported {
		_ = walk.Descriptors(file, func(d protoreflect.Descriptor) error {
			if m, ok := d.(protoreflect.MessageDescriptor); ok {
				c.message(m)
			}
			return nil
		})
	}
	return &protoFile{file: files[0], messages: c.made}, nil
}

// withImports adds a file and all that it imports to those that are there.
func withImports(all []protoreflect.FileDescriptor, file protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	if slices.ContainsFunc(all, func(f protoreflect.FileDescriptor) bool { return f.Path() == file.Path() }) {
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
// so on. The types that the compiler makes of maps do not count, as for Confluent's
// Java serializer, which defined the format.
func (f *protoFile) message(indexes []int) *protoMessage {
	var at protoreflect.MessageDescriptor
	level := f.file.Messages()
	for _, index := range indexes {
		if at = nthMessage(level, index); at == nil {
			return nil
		}
		level = at.Messages()
	}
	if at == nil {
		return nil
	}
	return f.messages[at.FullName()]
}

func nthMessage(messages protoreflect.MessageDescriptors, n int) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.IsMapEntry() {
			continue
		}
		if n == 0 {
			return m
		}
		n--
	}
	return nil
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
	m := &protoMessage{special: protoSpecials[d.FullName()], byNumber: map[protoreflect.FieldNumber]int{}}
	c.made[d.FullName()] = m
	fields := d.Fields()
	for i := range fields.Len() {
		c.field(m, fields.Get(i))
	}
	for _, x := range c.extensions[d.FullName()] {
		c.field(m, x)
	}
	return m
}

func (c *protoCompiler) field(m *protoMessage, d protoreflect.FieldDescriptor) {
	name := d.JSONName()
	if d.IsExtension() {
		name = fmt.Sprintf("[%s]", d.FullName())
	}
	f := protoField{
		key: quoted(name) + ":", number: d.Number(), kind: d.Kind(), list: d.IsList(), presence: d.HasPresence(), oneof: -1,
	}
	if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
		f.oneof = o.Index()
	}
	switch {
	case d.IsMap():
		f.list, f.entry = false, c.message(d.Message())
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
	m.fields = append(m.fields, f)
	if f.number >= denseNumbers {
		m.byNumber[f.number] = len(m.fields)
		return
	}
	for len(m.dense) <= int(f.number) {
		m.dense = append(m.dense, 0)
	}
	m.dense[f.number] = int32(len(m.fields))
}

// find returns the index of the field of a number, -1 if there is none.
func (m *protoMessage) find(number protoreflect.FieldNumber) int {
	if int(number) < len(m.dense) {
		return int(m.dense[number]) - 1
	}
	return m.byNumber[number] - 1
}
