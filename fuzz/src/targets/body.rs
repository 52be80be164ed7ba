//! Bodies of many lines: each stands alone, however the others look.

use scorewire::feed::{array_elements, ndjson_lines};
use serde_json::Value;

const BOM: &[u8] = b"\xEF\xBB\xBF";

pub(crate) fn pieces(body: &[u8]) {
    let text = body.strip_prefix(BOM).unwrap_or(body);
    lines(body, text);
    elements(body, text);
}

/// Against the plainest way to say it.
fn lines(body: &[u8], text: &[u8]) {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let expected: Vec<(usize, &[u8])> = lines
        .map(|(place, line)| (place + 1, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| !line.iter().all(|byte| b" \t\r\n".contains(byte)))
        .collect();
    assert_eq!(ndjson_lines(body).collect::<Vec<_>>(), expected);
}

/// Whatever is a JSON array falls into its elements; whatever falls into pieces does so in order.
fn elements(body: &[u8], text: &[u8]) {
    let found = array_elements(body);
    if let Ok(values) = serde_json::from_slice::<Vec<Value>>(text) {
        let found = found.as_ref().expect("an array is taken for one");
        let read: Vec<Value> = found
            .iter()
            .map(|element| serde_json::from_slice(element).expect("an element is whole"))
            .collect();
        assert_eq!(read, values);
    }
    match found {
        Ok(found) => {
            let places = found.iter().map(|element| {
                let start = element.as_ptr() as usize - body.as_ptr() as usize;
                (start, start + element.len())
            });
            let mut after = 1;
            // Of an empty one, only that it is empty is of interest.
            for (start, end) in places.filter(|(start, end)| start < end) {
                assert!(start >= after && end < body.len(), "{start} to {end}, after {after}");
                after = end + 1;
            }
        }
        Err(error) => assert!(error.message.starts_with("byte "), "{error}"),
    }
}
