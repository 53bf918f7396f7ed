namespace Woodgrove.Citus.Sql;

internal enum SqlTokenKind
{
    /// <summary>A name or keyword; unquoted ones are folded to lower case.</summary>
    Word,
    Quoted,
    Literal,
    Number,
    Symbol,
}
