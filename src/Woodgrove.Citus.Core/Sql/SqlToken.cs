namespace Woodgrove.Citus.Sql;

/// <summary>A token of SQL.</summary>
/// <param name="Depth">How many parentheses stand open around it; a parenthesis has the depth outside itself.</param>
/// <param name="Start">The offset of its first character in the text.</param>
internal readonly record struct SqlToken(SqlTokenKind Kind, string Text, int Depth, int Start)
{
    public bool IsName => Kind is SqlTokenKind.Word or SqlTokenKind.Quoted;

    public bool Is(string word) => Kind is SqlTokenKind.Word or SqlTokenKind.Symbol && Text == word;
}
