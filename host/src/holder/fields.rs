//! The fields of a frame: numbers, bytes and lists, each list with its length as a `u32` before it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use cotty_core::names::{Epoch, Offset};

use crate::holder::frame::HEADER_BYTES;

/// Reads the fields of one payload.
pub(super) struct Fields {
    rest: Bytes,
}

/// A field that is not there or cannot be.
pub(super) struct Unfit;

/// What reading a field gives.
pub(super) type Read<T> = Result<T, Unfit>;

impl Fields {
    /// Begins with the whole payload.
    pub(super) fn new(payload: Bytes) -> Self {
        Self { rest: payload }
    }

    /// Says whether all of it was read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads a number.
    pub(super) fn u8(&mut self) -> Read<u8> {
        self.rest.try_get_u8().map_err(|_| Unfit)
    }

    /// Reads a number.
    pub(super) fn u16(&mut self) -> Read<u16> {
        self.rest.try_get_u16_le().map_err(|_| Unfit)
    }

    /// Reads a number.
    pub(super) fn u32(&mut self) -> Read<u32> {
        self.rest.try_get_u32_le().map_err(|_| Unfit)
    }

    /// Reads a number.
    pub(super) fn u64(&mut self) -> Read<u64> {
        self.rest.try_get_u64_le().map_err(|_| Unfit)
    }

    /// Reads a number.
    pub(super) fn i32(&mut self) -> Read<i32> {
        self.rest.try_get_i32_le().map_err(|_| Unfit)
    }

    /// Reads 0 or 1.
    pub(super) fn bool(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unfit),
        }
    }

    /// Reads bytes, without copying them.
    pub(super) fn bytes(&mut self) -> Read<Bytes> {
        let length = self.u32()? as usize;
        if length > self.rest.len() { Err(Unfit) } else { Ok(self.rest.split_to(length)) }
    }

    /// Reads text.
    pub(super) fn string(&mut self) -> Read<String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Unfit)
    }

    /// Reads text of the system.
    pub(super) fn os(&mut self) -> Read<OsString> {
        Ok(OsString::from_vec(self.bytes()?.to_vec()))
    }

    /// Reads a place in the output.
    pub(super) fn offset(&mut self) -> Read<Offset> {
        Ok(Offset { epoch: Epoch(self.u32()?), byte: self.u64()? })
    }

    /// Reads a list.
    // No room is reserved for the claimed number: each element must be there before it takes memory.
    pub(super) fn list<T>(&mut self, element: impl Fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let length = self.u32()?;
        (0..length).map(|_| element(self)).collect()
    }

    /// Reads what may be missing.
    pub(super) fn option<T>(&mut self, element: impl Fn(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.bool()? { element(self).map(Some) } else { Ok(None) }
    }
}

/// Appends a frame; its length is filled in when its content is known.
pub(super) fn put_frame(out: &mut BytesMut, kind: u8, content: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32_le(0);
    out.put_u8(kind);
    content(out);
    let length = u32::try_from(out.len() - start - HEADER_BYTES).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Appends bytes.
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

/// Appends text of the system.
pub(super) fn put_os(out: &mut BytesMut, text: &OsStr) {
    put_bytes(out, text.as_bytes());
}

/// Appends a place in the output.
pub(super) fn put_offset(out: &mut BytesMut, offset: Offset) {
    out.put_u32_le(offset.epoch.0);
    out.put_u64_le(offset.byte);
}

/// Appends a list.
pub(super) fn put_list<T>(out: &mut BytesMut, list: &[T], element: impl Fn(&mut BytesMut, &T)) {
    out.put_u32_le(u32::try_from(list.len()).unwrap_or(u32::MAX));
    list.iter().for_each(|it| element(out, it));
}

/// Appends what may be missing.
pub(super) fn put_option<T>(out: &mut BytesMut, value: Option<&T>, element: impl Fn(&mut BytesMut, &T)) {
    out.put_u8(value.is_some().into());
    if let Some(value) = value {
        element(out, value);
    }
}
