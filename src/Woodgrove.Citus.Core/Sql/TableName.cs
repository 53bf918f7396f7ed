using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Woodgrove.Citus.Sql;

/// <summary>
/// The name of a table as a user wrote it, parsed and quoted in this one place.
/// <c>payment_events</c>, <c>bank.payment_events</c> and <c>"Odd Name"</c> are read as SQL reads them, unquoted
/// parts folding to lower case; anything that is no SQL name, such as <c>we"ird; drop table x; --</c>, is taken
/// as it stands for one table's name.
/// </summary>
public readonly record struct TableName
{
    private readonly string? _asWritten;

    private TableName(string? schema, string name, string? asWritten)
    {
        Schema = schema;
        Name = name;
        _asWritten = asWritten;
    }

    /// <summary>A table by its exact schema and name, as a catalog holds them.</summary>
    public TableName(string? schema, string name) : this(schema, name, null)
    {
    }

    /// <summary>The schema, or null for the search path's.</summary>
    public string? Schema { get; }

    public string Name { get; }

    /// <summary>Quoted for use in SQL.</summary>
    public string Sql => Schema is null ? Quote(Name) : $"{Quote(Schema)}.{Quote(Name)}";

    /// <summary>The reading without case folding, quoted for SQL: what the user may have meant by <c>PaymentEvents</c>.</summary>
    public string ExactSql => _asWritten ?? Sql;

    /// <summary>Quoted only where SQL would need it, as <c>regclass</c> prints it.</summary>
    public override string ToString() => Schema is null ? QuoteIfNeeded(Name) : $"{QuoteIfNeeded(Schema)}.{QuoteIfNeeded(Name)}";

    public static TableName Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        if (!TryReadParts(text, out List<(string Folded, string Exact)>? parts) || parts.Count > 2)
            return new TableName(null, text);
        (string name, string exact) = parts[^1];
        if (parts.Count == 1) return new TableName(null, name, Quote(exact));
        return new TableName(parts[0].Folded, name, $"{Quote(parts[0].Exact)}.{Quote(exact)}");
    }

    /// <summary>Quotes an identifier: the one place where user text becomes part of SQL.</summary>
    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>Quotes a string literal.</summary>
    public static string Literal(string text)
    {
        string doubled = text.Replace("'", "''", StringComparison.Ordinal);
        return text.Contains('\\', StringComparison.Ordinal) ? $"E'{doubled.Replace("\\", "\\\\", StringComparison.Ordinal)}'"
            : $"'{doubled}'";
    }

    /// <summary>Quotes an identifier where SQL could not read it bare.</summary>
    public static string QuoteIfNeeded(string identifier)
    {
        bool bare = identifier.Length > 0 && identifier[0] is (>= 'a' and <= 'z') or '_'
            && identifier.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_') && !ReservedWords.Contains(identifier);
        return bare ? identifier : Quote(identifier);
    }

    /// <summary>A name as PostgreSQL keeps it: cut to 63 bytes, between characters.</summary>
    public static string Cut(string identifier)
    {
        int length = identifier.Length;
        while (Encoding.UTF8.GetByteCount(identifier.AsSpan(0, length)) > 63
            || (length > 0 && length < identifier.Length && char.IsHighSurrogate(identifier[length - 1]))) length--;
        return identifier[..length];
    }

    private static bool TryReadParts(string text, [NotNullWhen(true)] out List<(string Folded, string Exact)>? parts)
    {
        parts = [];
        int i = 0;
        while (true)
        {
            string? part = i < text.Length && text[i] == '"' ? ReadQuoted(text, ref i) : ReadBare(text, ref i);
            if (part is null) return false;
            bool quoted = text[i - 1] == '"';
            parts.Add((quoted ? part : part.ToLowerInvariant(), part));
            if (i == text.Length) return true;
            if (text[i++] != '.') return false;
        }
    }

    private static string? ReadQuoted(string text, ref int i)
    {
        var name = new StringBuilder();
        for (i++; i < text.Length; i++)
        {
            if (text[i] != '"') name.Append(text[i]);
            else if (i + 1 < text.Length && text[i + 1] == '"') name.Append(text[i++]);
            else
            {
                i++;
                return name.Length == 0 ? null : name.ToString();
            }
        }
        return null;
    }

    private static string? ReadBare(string text, ref int i)
    {
        int start = i;
        while (i < text.Length && (char.IsLetter(text[i]) || text[i] == '_'
            || (i > start && (char.IsAsciiDigit(text[i]) || text[i] == '$')))) i++;
        return i == start ? null : text[start..i];
    }
}
