//! What logins have brought: the cookies that later requests of the same tenant carry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use vocabulary::identity::TenantId;

/// The cookies of each tenant, by name. There is one origin and nothing expires within a case, so that names are all
/// there is to it: no `Domain`, no `Path` (RFC 6265 §5.3). Copies share their content.
#[derive(Debug, Clone, Default)]
pub(crate) struct CookieJar(Arc<Mutex<BTreeMap<TenantId, BTreeMap<String, String>>>>);

impl CookieJar {
    /// Puts in what a reply has set.
    pub(crate) fn keep(&self, tenant: TenantId, cookies: impl IntoIterator<Item = (String, String)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default().extend(cookies);
    }

    pub(super) fn of(&self, tenant: TenantId) -> BTreeMap<String, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned().unwrap_or_default()
    }
}
