//! What a viewer does, and what became of it.

/// How keys came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Key by key.
    Typed,
    /// As a paste that asks a person where each of its lines would be taken at once.
    Pasted,
    /// As a paste that a person was asked about.
    Confirmed,
}

/// What a person does about the pen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PenOrder {
    /// They take it, where no other person has it.
    Take,
    /// They take it, whoever has it.
    TakeOver,
    /// They put it down.
    Release,
    /// They put their unsent line aside for an agent's command.
    PutAside,
    /// They want that line back.
    PutBack,
}

/// What became of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// They are on their way to the terminal.
    Done,
    /// Nothing was typed: the program takes each of so many lines at once, and a person has to say so.
    Asks {
        /// How many.
        lines: usize,
    },
}
