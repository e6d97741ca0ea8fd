//! Files that are nearly right: a whole one with a few places changed.

/// Where, how and with what a file is changed.
type Edit = (u16, u8, u8);

/// Which file is changed, in up to three places: after more, hardly any check but the first has anything to do.
pub type Edits = (u8, Edit, Option<Edit>, Option<Edit>);

/// A file of the list with changes.
pub fn edited(files: &[&[u8]], &(choice, first, second, third): &Edits) -> Vec<u8> {
    let mut bytes = files[usize::from(choice) % files.len()].to_vec();
    [Some(first), second, third].into_iter().flatten().for_each(|edit| apply(&mut bytes, edit));
    bytes
}

fn apply(bytes: &mut Vec<u8>, (place, kind, value): Edit) {
    let at = usize::from(place) % bytes.len().max(1);
    let rest = &mut bytes[at..];
    match kind % 8 {
        0 | 1 => rest.iter_mut().take(1).for_each(|byte| *byte = value),
        2 => rest.iter_mut().take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
        3 => rest.iter_mut().take(4).for_each(|byte| *byte = 0xff),
        4 => rest.iter_mut().take(8).for_each(|byte| *byte = value),
        5 => bytes.insert(at, value),
        6 => drop(bytes.drain(at..(at + usize::from(value)).min(bytes.len()))),
        _ => {
            let copied = bytes[at..(at + usize::from(value)).min(bytes.len())].to_vec();
            bytes.splice(at..at, copied);
        }
    }
}
