//! Request forms: what a request must look like for an application to take it as one of its own.
//!
//! A gateway that speaks an application's language parses the body, drops what it does not know, and writes a request of
//! its own: a canary survives only where such a request carries text. A [`Form`] says where that is. Example:
//! [`Form::Chat`] is a POST to `/v1/chat/completions` whose first message is the canary; the reply's text stands at
//! `/choices/0/message/content`.

use serde::{Deserialize, Serialize};

use crate::directive::Field;

/// What a field's value or a body is filled with: the canary of the request.
pub const CANARY_PLACE: &str = "{canary}";
/// What a field's value or a body is filled with: the canary of the tenant, where the request carries a credential.
pub const TENANT_PLACE: &str = "{tenant}";
/// What a field's value is filled with: a number of the case's own, the same for everybody in it. What a gateway has learnt
/// by such a value in one case does not answer another.
pub const CASE_PLACE: &str = "{case}";

/// The form of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// None: the target, the fields and the striped body that the plan names.
    #[default]
    Plain,
    /// The chat completions of OpenAI.
    Chat,
    /// The responses of OpenAI.
    Responses,
    /// The messages of Anthropic.
    Messages,
    /// A tool call of the Model Context Protocol, which is JSON-RPC 2.0 over POST.
    Mcp,
    /// One object with every member under which applications usually look for text.
    Polyglot,
    /// A user's own.
    Own(OwnForm),
}

/// A form that a user has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnForm {
    /// The path, behind the gateway's base path.
    pub path: String,
    /// Fields beside those that every request has. [`CANARY_PLACE`] and [`TENANT_PLACE`] stand for canaries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// The body; empty for none. [`CANARY_PLACE`] and [`TENANT_PLACE`] stand for canaries.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Where the reply's text stands, as a JSON pointer (RFC 6901), if the reply is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// What a form comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling<'a> {
    /// The method that it is sent with.
    pub method: &'static str,
    /// The path, behind the gateway's base path.
    pub path: &'a str,
    /// Its fields.
    pub fields: Vec<(&'a str, &'a str)>,
    /// The body; empty for none.
    pub body: &'a str,
    /// Where the reply's text stands, as a JSON pointer (RFC 6901).
    pub reply: Option<&'a str>,
}

impl Form {
    /// Whether it is no form at all.
    pub fn is_plain(&self) -> bool {
        *self == Form::Plain
    }

    /// The word by which scenarios call it.
    pub fn word(&self) -> &'static str {
        match self {
            Form::Plain => "plain",
            Form::Chat => "chat",
            Form::Responses => "responses",
            Form::Messages => "messages",
            Form::Mcp => "mcp",
            Form::Polyglot => "polyglot",
            Form::Own(_) => "own",
        }
    }

    /// What it comes down to; nothing for a plain request. A form of one's own names its method in the request.
    pub fn spelling(&self) -> Option<Spelling<'_>> {
        let json =
            |path, fields, body, reply| Some(Spelling { method: "POST", path, fields, body, reply: Some(reply) });
        match self {
            Form::Plain => None,
            Form::Chat => json(
                "/v1/chat/completions",
                Vec::new(),
                r#"{"model":"crosswire","messages":[{"role":"user","content":"{canary}"}],"stream":false}"#,
                "/choices/0/message/content",
            ),
            Form::Responses => json(
                "/v1/responses",
                Vec::new(),
                r#"{"model":"crosswire","input":"{canary}","stream":false}"#,
                "/output/0/content/0/text",
            ),
            Form::Messages => json(
                "/v1/messages",
                vec![("anthropic-version", "2023-06-01"), ("x-api-key", TENANT_PLACE)],
                r#"{"model":"crosswire","max_tokens":64,"messages":[{"role":"user","content":"{canary}"}]}"#,
                "/content/0/text",
            ),
            Form::Mcp => json(
                "/mcp",
                vec![("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", "2025-06-18")],
                r#"{"jsonrpc":"2.0","id":"{canary}","method":"tools/call","params":{"name":"echo","arguments":{"text":"{canary}"}}}"#,
                "/result/content/0/text",
            ),
            Form::Polyglot => json(
                "/",
                Vec::new(),
                r#"{"message":"{canary}","prompt":"{canary}","input":"{canary}","query":"{canary}","text":"{canary}","content":"{canary}"}"#,
                "/text",
            ),
            Form::Own(OwnForm { path, fields, body, reply }) => Some(Spelling {
                method: if body.is_empty() { "GET" } else { "POST" },
                path,
                fields: fields.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect(),
                body,
                reply: reply.as_deref(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_form_carries_the_canary_in_json_and_says_where_the_reply_has_its_text() {
        for form in [Form::Chat, Form::Responses, Form::Messages, Form::Mcp, Form::Polyglot] {
            let spelling = form.spelling().unwrap();
            assert!(spelling.body.contains(CANARY_PLACE) && spelling.path.starts_with('/'));
            let body: serde_json::Value = serde_json::from_str(spelling.body).unwrap();
            assert!(body.is_object() && spelling.reply.unwrap().starts_with('/'));
            assert_eq!(serde_json::to_value(&form).unwrap(), form.word());
        }
        assert_eq!(Form::Plain.spelling(), None);
    }

    #[test]
    fn a_form_of_ones_own_stands_in_the_plan() {
        let field = Field { name: "x-key".to_owned(), value: TENANT_PLACE.to_owned() };
        let own = OwnForm { path: "/ask".to_owned(), fields: vec![field], body: "q={canary}".to_owned(), reply: None };
        let json = serde_json::to_string(&Form::Own(own.clone())).unwrap();
        assert_eq!(
            json,
            r#"{"own":{"path":"/ask","fields":[{"name":"x-key","value":"{tenant}"}],"body":"q={canary}"}}"#
        );
        assert_eq!(serde_json::from_str::<Form>(&json).unwrap(), Form::Own(own));
    }
}
