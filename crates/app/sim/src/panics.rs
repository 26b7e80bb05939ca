//! Panics of simulated tasks, which end only their task: a run during which one happened has failed.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes panics from now on, of each thread for itself.
pub fn watch() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = format!("panic: {info}");
            // A thread that ends has no place for it any more.
            let _ = PANIC.try_with(|panic| panic.borrow_mut().get_or_insert(text).len());
            before(info);
        }));
    });
    take();
}

/// The first panic of this thread since it was last asked.
pub fn take() -> Option<String> {
    PANIC.with(|panic| panic.borrow_mut().take())
}
