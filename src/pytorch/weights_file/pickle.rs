//! Python's pickles as data: nothing of what they name is imported or called.
//!
//! A pickle is a program for a stack machine. This one knows the instructions of protocols 2 to 4 that state dicts and
//! the training state beside them use. Objects live in one list and refer to each other by their place in it, so that
//! an instruction allocates no more than a few bytes: an object in the memo is shared and not copied, and nothing
//! recurses, however deep a pickle nests.

use std::collections::BTreeMap;

use super::bytes::Bytes;

/// Place of an object.
pub(super) type Id = usize;

/// A Python object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object<'a> {
    /// `None`, floats, bytes, sets and long integers: nothing that a state dict is read from.
    Other,
    /// A truth value.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A string.
    Text(&'a str),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A `dict` or `OrderedDict`.
    Dict(Vec<(Id, Id)>),
    /// Something importable, by module and name.
    Global(&'a str, &'a str),
    /// What a callable would return or a class would make.
    Call {
        /// The callable.
        callable: Id,
        /// A tuple.
        arguments: Id,
    },
    /// Something outside of the pickle, by a tuple that says what.
    Persistent(Id),
}

/// The objects of a pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle. Returns the bytes that follow it, too.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), String> {
        let mut machine = Machine::new(bytes);
        loop {
            let at = bytes.len() - machine.bytes.len();
            match machine.step() {
                Ok(Some(root)) => {
                    let rest = &bytes[bytes.len() - machine.bytes.len()..];
                    return Ok((Self { objects: machine.objects, root }, rest));
                }
                Ok(None) => {}
                Err(fault) => return Err(format!("its pickle {fault}, at byte {at}")),
            }
        }
    }

    /// The object that the pickle is of.
    pub(super) fn root(&self) -> &Object<'a> {
        self.object(self.root)
    }

    /// The object at a place.
    pub(super) fn object(&self, id: Id) -> &Object<'a> {
        self.objects.get(id).unwrap_or(&Object::Other)
    }

    /// The string at a place.
    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.object(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number at a place, if it is not negative.
    pub(super) fn count(&self, id: Id) -> Option<usize> {
        match self.object(id) {
            Object::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The tuple at a place.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.object(id) {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The places of all that stands for something outside of the pickle.
    pub(super) fn persistent(&self) -> impl Iterator<Item = Id> {
        self.objects.iter().filter_map(|object| match object {
            Object::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    /// The callable of the call at a place, by module and name, and its arguments.
    pub(super) fn call(&self, id: Id) -> Option<(&'a str, &'a str, &[Id])> {
        let Object::Call { callable, arguments } = self.object(id) else { return None };
        let Object::Global(module, name) = self.object(*callable) else { return None };
        Some((module, name, self.tuple(*arguments)?))
    }
}

/// Why the machine stops.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("is cut off")]
    CutOff,
    #[error("takes more from the stack than is there")]
    EmptyStack,
    #[error("uses an object that it has not stored")]
    EmptyMemo,
    #[error("has an odd number of keys and values")]
    OddItems,
    #[error("has a name or string that is not UTF-8")]
    NotUtf8,
    #[error("has the instruction {0:#04x}, which state dicts do not use")]
    Unknown(u8),
}

/// What is left of a pickle, and what it has made so far.
struct Machine<'a> {
    bytes: Bytes<'a>,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

type Step = Result<(), Fault>;

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: Bytes::new(bytes),
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
        }
    }

    /// Executes an instruction. Returns the pickled object after the last.
    fn step(&mut self) -> Result<Option<Id>, Fault> {
        match self.bytes.u8().ok_or(Fault::CutOff)? {
            b'.' => return self.pop().map(Some),
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,
            // The stack.
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.drop_top()?,
            b'1' => self.drop_to_mark()?,
            b'2' => self.stack.push(self.top()?),
            // The memo.
            b'q' => self.store_byte()?,
            b'r' => self.store_word()?,
            0x94 => self.store(self.memo.len() as u32)?,
            b'h' => self.fetch_byte()?,
            b'j' => self.fetch_word()?,
            instruction => self.make(instruction)?,
        }
        Ok(None)
    }

    /// Executes an instruction that makes an object or changes one.
    fn make(&mut self, instruction: u8) -> Step {
        match instruction {
            b'N' | 0x8f => self.push(Object::Other),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'K' | b'M' | b'J' | 0x8a | 0x8b => self.push_integer(instruction)?,
            b'G' => self.push_skipped(8)?,
            b'X' | 0x8c | 0x8d => self.push_text(instruction)?,
            b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => self.push_bytes(instruction)?,
            b')' => self.push(Object::Tuple(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b']' => self.push(Object::List(Vec::new())),
            0x85 => self.push_tuple(1)?,
            0x86 => self.push_tuple(2)?,
            0x87 => self.push_tuple(3)?,
            b't' => self.push_from_mark(Object::Tuple)?,
            b'l' => self.push_from_mark(Object::List)?,
            0x91 => self.push_from_mark(|_| Object::Other)?,
            b'd' => self.push_dict()?,
            b'a' => self.append()?,
            b'e' => self.append_all()?,
            0x90 => self.drop_to_mark()?,
            b's' => self.set_item()?,
            b'u' => self.set_items()?,
            b'c' => self.push_global()?,
            0x93 => self.push_stack_global()?,
            b'R' | 0x81 => self.call()?,
            0x92 => self.call_with_keywords()?,
            // The attributes of an object: nothing that a state dict is read from.
            b'b' => self.drop_top()?,
            b'Q' => self.push_persistent()?,
            unknown => return Err(Fault::Unknown(unknown)),
        }
        Ok(())
    }

    fn skip(&mut self, count: usize) -> Step {
        self.bytes.skip(count).ok_or(Fault::CutOff)
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    /// Objects below the last mark belong to what the mark interrupts.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or_default()
    }

    fn top(&self) -> Result<Id, Fault> {
        if self.stack.len() <= self.floor() {
            return Err(Fault::EmptyStack);
        }
        self.stack.last().copied().ok_or(Fault::EmptyStack)
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or(Fault::EmptyStack)?;
        Ok(self.stack.split_off(mark))
    }

    fn drop_top(&mut self) -> Step {
        self.pop().map(|_| ())
    }

    fn drop_to_mark(&mut self) -> Step {
        self.pop_to_mark().map(|_| ())
    }

    fn store(&mut self, key: u32) -> Step {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn store_byte(&mut self) -> Step {
        let key = self.bytes.u8().ok_or(Fault::CutOff)?;
        self.store(u32::from(key))
    }

    fn store_word(&mut self) -> Step {
        let key = self.bytes.u32().ok_or(Fault::CutOff)?;
        self.store(key)
    }

    fn fetch(&mut self, key: u32) -> Step {
        let id = self.memo.get(&key).copied().ok_or(Fault::EmptyMemo)?;
        self.stack.push(id);
        Ok(())
    }

    fn fetch_byte(&mut self) -> Step {
        let key = self.bytes.u8().ok_or(Fault::CutOff)?;
        self.fetch(u32::from(key))
    }

    fn fetch_word(&mut self) -> Step {
        let key = self.bytes.u32().ok_or(Fault::CutOff)?;
        self.fetch(key)
    }

    fn push_integer(&mut self, instruction: u8) -> Step {
        let object = match instruction {
            b'K' => self.bytes.u8().map(|n| Object::Int(i64::from(n))),
            b'M' => self.bytes.u16().map(|n| Object::Int(i64::from(n))),
            b'J' => self.bytes.i32().map(|n| Object::Int(i64::from(n))),
            0x8a => self.bytes.u8().and_then(|n| self.bytes.take(usize::from(n))).map(long),
            _ => self.bytes.u32().and_then(|n| self.bytes.take(n as usize)).map(long),
        };
        self.push(object.ok_or(Fault::CutOff)?);
        Ok(())
    }

    /// An object of so many bytes that are of no interest.
    fn push_skipped(&mut self, count: usize) -> Step {
        self.skip(count)?;
        self.push(Object::Other);
        Ok(())
    }

    fn counted(&mut self, length: Option<u64>) -> Result<&'a [u8], Fault> {
        let length = length.and_then(|length| usize::try_from(length).ok());
        length.and_then(|length| self.bytes.take(length)).ok_or(Fault::CutOff)
    }

    fn push_text(&mut self, instruction: u8) -> Step {
        let length = match instruction {
            0x8c => self.bytes.u8().map(u64::from),
            b'X' => self.bytes.u32().map(u64::from),
            _ => self.bytes.u64(),
        };
        let text = self.counted(length)?;
        self.push(Object::Text(std::str::from_utf8(text).map_err(|_| Fault::NotUtf8)?));
        Ok(())
    }

    /// Strings of Python 2 and byte strings.
    fn push_bytes(&mut self, instruction: u8) -> Step {
        let length = match instruction {
            b'U' | b'C' => self.bytes.u8().map(u64::from),
            b'T' | b'B' => self.bytes.u32().map(u64::from),
            _ => self.bytes.u64(),
        };
        let bytes = self.counted(length)?;
        let text = std::str::from_utf8(bytes).ok().filter(|_| matches!(instruction, b'T' | b'U'));
        self.push(text.map_or(Object::Other, Object::Text));
        Ok(())
    }

    fn push_tuple(&mut self, count: usize) -> Step {
        let start = self.stack.len().checked_sub(count).filter(|start| *start >= self.floor());
        let items = self.stack.split_off(start.ok_or(Fault::EmptyStack)?);
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn push_from_mark(&mut self, object: impl FnOnce(Vec<Id>) -> Object<'a>) -> Step {
        let items = self.pop_to_mark()?;
        self.push(object(items));
        Ok(())
    }

    fn push_dict(&mut self) -> Step {
        let items = pairs(&self.pop_to_mark()?)?;
        self.push(Object::Dict(items));
        Ok(())
    }

    fn append(&mut self) -> Step {
        let item = self.pop()?;
        self.extend_list(&[item])
    }

    fn append_all(&mut self) -> Step {
        let items = self.pop_to_mark()?;
        self.extend_list(&items)
    }

    /// Items of what is not a list, of a subclass say, are of no interest.
    fn extend_list(&mut self, items: &[Id]) -> Step {
        let top = self.top()?;
        if let Some(Object::List(list)) = self.objects.get_mut(top) {
            list.extend_from_slice(items);
        }
        Ok(())
    }

    fn set_item(&mut self) -> Step {
        let value = self.pop()?;
        let key = self.pop()?;
        self.extend_dict(&[(key, value)])
    }

    fn set_items(&mut self) -> Step {
        let items = pairs(&self.pop_to_mark()?)?;
        self.extend_dict(&items)
    }

    fn extend_dict(&mut self, items: &[(Id, Id)]) -> Step {
        let top = self.top()?;
        if let Some(Object::Dict(dict)) = self.objects.get_mut(top) {
            dict.extend_from_slice(items);
        }
        Ok(())
    }

    fn push_global(&mut self) -> Step {
        let mut word = || {
            let line = self.bytes.line().ok_or(Fault::CutOff)?;
            std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)
        };
        let (module, name) = (word()?, word()?);
        self.push(Object::Global(module, name));
        Ok(())
    }

    fn push_stack_global(&mut self) -> Step {
        let (name, module) = (self.pop()?, self.pop()?);
        let global = match (&self.objects[module], &self.objects[name]) {
            (&Object::Text(module), &Object::Text(name)) => Object::Global(module, name),
            _ => Object::Other,
        };
        self.push(global);
        Ok(())
    }

    fn call(&mut self) -> Step {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let made = match self.objects[callable] {
            Object::Global("collections", "OrderedDict" | "defaultdict") => Object::Dict(Vec::new()),
            _ => Object::Call { callable, arguments },
        };
        self.push(made);
        Ok(())
    }

    fn call_with_keywords(&mut self) -> Step {
        self.pop()?;
        self.call()
    }

    fn push_persistent(&mut self) -> Step {
        let id = self.pop()?;
        self.push(Object::Persistent(id));
        Ok(())
    }
}

/// A little-endian integer in two's complement.
fn long<'a>(bytes: &[u8]) -> Object<'a> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut number = [if negative { 0xff } else { 0 }; 8];
    match number.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(number))
        }
        None => Object::Other,
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
    match items.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(Fault::OddItems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_dict_with_shared_objects() {
        // {"a": (1, -2), "b": [same tuple, same tuple]}
        let bytes = b"\x80\x02}(X\x01\x00\x00\x00aK\x01J\xfe\xff\xff\xff\x86q\x00U\x01b](h\x00h\x00eu.rest";
        let (pickle, rest) = Pickle::read(bytes).expect("a pickle");
        assert_eq!(rest, b"rest");
        let Object::Dict(items) = pickle.root() else { panic!("{pickle:?}") };
        let keys: Vec<_> = items.iter().filter_map(|(key, _)| pickle.text(*key)).collect();
        assert_eq!(keys, ["a", "b"]);
        let tuple = pickle.tuple(items[0].1).expect("a tuple");
        assert_eq!(pickle.object(tuple[0]), &Object::Int(1));
        assert_eq!((pickle.object(tuple[1]), pickle.count(tuple[1])), (&Object::Int(-2), None));
        assert_eq!(pickle.object(items[1].1), &Object::List(vec![items[0].1; 2]));
    }

    #[rstest]
    #[case(&[], Object::Int(0))]
    #[case(&[0xff], Object::Int(-1))]
    #[case(&[0xff, 0x00], Object::Int(255))]
    #[case(&[0, 0, 0, 0, 0, 0, 0, 0x80], Object::Int(i64::MIN))]
    #[case(&[0, 0, 0, 0, 0, 0, 0, 0, 1], Object::Other)]
    fn long_integers(#[case] bytes: &[u8], #[case] expected: Object<'static>) {
        assert_eq!(long(bytes), expected);
    }

    #[test]
    fn nothing_is_called() {
        let (pickle, _) = Pickle::read(b"cos\nsystem\nX\x04\x00\x00\x00true\x85R.").expect("a pickle");
        let Object::Call { callable, arguments } = pickle.root() else { panic!("{pickle:?}") };
        assert_eq!(pickle.object(*callable), &Object::Global("os", "system"));
        assert_eq!(pickle.tuple(*arguments).map(<[_]>::len), Some(1));
    }

    #[rstest]
    #[case::empty(b"", "is cut off, at byte 0")]
    #[case::text(b"hello", "it has not stored")]
    #[case::huge_string(b"X\xff\xff\xff\xffab", "is cut off, at byte 0")]
    #[case::huge_long(b"\x8b\xff\xff\xff\xff", "is cut off")]
    #[case::below_a_mark(b"K\x01(\x85.", "takes more from the stack")]
    #[case::odd(b"}(K\x01u.", "odd number")]
    #[case::no_object(b".", "takes more from the stack")]
    #[case::code(b"i", "instruction 0x69")]
    fn a_broken_pickle_is_told(#[case] bytes: &[u8], #[case] says: &str) {
        let error = Pickle::read(bytes).map(|_| ()).expect_err(says);
        assert!(error.contains(says), "{error}");
    }

    /// Doubling 60 times over the memo, and nesting a million times.
    #[test]
    fn bombs_stay_small() {
        let mut doubling = b"]q\x00".to_vec();
        for _ in 0..60 {
            doubling.extend_from_slice(b"h\x00h\x00\x86q\x00");
        }
        doubling.push(b'.');
        let (pickle, _) = Pickle::read(&doubling).expect("a pickle");
        assert!(pickle.objects.len() < 100);
        let mut nested = b")".to_vec();
        nested.extend(std::iter::repeat_n(0x85, 1_000_000));
        nested.push(b'.');
        assert!(Pickle::read(&nested).is_ok());
    }
}
