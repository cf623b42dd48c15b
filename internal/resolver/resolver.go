// Package resolver answers the DNS queries of programs in a sandbox, RFC 1035.
package resolver

import (
	"errors"

	"golang.org/x/net/dns/dnsmessage"

	"isolate-namespace/internal/hostname"
)

// ttl is how long an answer holds, in seconds. A name keeps its address for as long as
// the sandbox lives.
const ttl = 60

// Answer returns the answer to a query, or nil if it is none. lookup gets a
// hostname.Name and returns its IPv4 address, or false if there is no such name; other
// records than the address exist of none.
func Answer(query []byte, lookup func(name string) (address [4]byte, ok bool)) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil || header.Response {
		return nil
	}
	if header.OpCode != 0 {
		return answer(header, dnsmessage.RCodeNotImplemented, nil, nil)
	}
	question, err := onlyQuestion(&parser)
	if err != nil {
		return answer(header, dnsmessage.RCodeFormatError, nil, nil)
	}
	if question.Class != dnsmessage.ClassINET {
		return answer(header, dnsmessage.RCodeRefused, &question, nil)
	}
	name, err := hostname.Name(question.Name.String())
	if err != nil {
		return answer(header, dnsmessage.RCodeFormatError, &question, nil)
	}

	address, ok := lookup(name)
	switch {
	case !ok:
		return answer(header, dnsmessage.RCodeNameError, &question, nil)
	case question.Type == dnsmessage.TypeA:
		return answer(header, dnsmessage.RCodeSuccess, &question, &dnsmessage.AResource{A: address})
	}
	return answer(header, dnsmessage.RCodeSuccess, &question, nil)
}

// onlyQuestion returns a query's question, which is its only one.
func onlyQuestion(parser *dnsmessage.Parser) (dnsmessage.Question, error) {
	question, err := parser.Question()
	if err != nil {
		return question, err
	}
	if _, err := parser.Question(); err != dnsmessage.ErrSectionDone {
		return question, errors.New("it has several questions")
	}
	return question, nil
}

// answer builds an answer, or nil if its parts don't fit.
func answer(query dnsmessage.Header, code dnsmessage.RCode, question *dnsmessage.Question, a *dnsmessage.AResource) []byte {
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), dnsmessage.Header{
		ID: query.ID, Response: true, OpCode: query.OpCode, RCode: code,
		RecursionDesired: query.RecursionDesired, RecursionAvailable: true,
	})
	b.EnableCompression()
	err := b.StartQuestions()
	if err == nil && question != nil {
		err = b.Question(*question)
	}
	if err == nil {
		err = b.StartAnswers()
	}
	if err == nil && a != nil {
		err = b.AResource(dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: ttl}, *a)
	}
	if err != nil {
		return nil
	}
	message, err := b.Finish()
	if err != nil {
		return nil
	}
	return message
}
