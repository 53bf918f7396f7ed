namespace Woodgrove.Citus.Sql;

internal enum SqlTokenKind
{
    /// <summary>A name or keyword; unquoted ones are folded to lower case.</summary>
    Word,
    Quoted,
    Literal,
    Number,
    Symbol,

    /// <summary>A comment to the end of its line, where comments are asked for.</summary>
    Comment,
}
