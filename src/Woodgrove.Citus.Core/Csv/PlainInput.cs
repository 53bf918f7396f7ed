using System.Text;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Csv;

/// <summary>Tells which texts a column's type takes for certain; of the others only the server can say.</summary>
internal sealed class PlainInput(TableColumn column)
{
    private readonly ValueKind[]? _taken = ValueKinds.TakenBy(column.TypeOid);
    private readonly ValueHasher? _narrow = column.TypeOid is PgType.Int2 or PgType.Int4 ? ValueHasher.For(column) : null;
    private readonly int? _maxLength = column.MaxLength;
    private readonly bool _anyText = column is { TypeOid: PgType.Text or PgType.Varchar, MaxLength: null };
    private readonly bool _isJson = column.TypeOid is PgType.Json or PgType.Jsonb;
    private readonly bool _bounded = column.TypeName.Contains('(', StringComparison.Ordinal); // such as numeric(10,2)

    /// <summary>False for a type of which nothing is known here.</summary>
    public bool IsKnown => _anyText || _maxLength is not null || _narrow is not null || (_taken is not null && !_bounded);

    /// <summary>As <see cref="Takes"/>, at a glance: JSON is not read.</summary>
    public bool SeemsToTake(ReadOnlySpan<byte> text) =>
        _isJson ? text.Length >= 2 && (text[0], text[^1]) is ((byte)'{', (byte)'}') or ((byte)'[', (byte)']')
        : Takes(text, _taken is null || _narrow is not null ? ValueKind.Text : ValueKinds.Of(text, out _));

    /// <param name="kind">What <see cref="ValueKinds.Of"/> says of the text.</param>
    public bool Takes(ReadOnlySpan<byte> text, ValueKind kind) =>
        _maxLength is { } most ? text.Length <= most || Encoding.UTF8.GetCharCount(text) <= most
        : _narrow is not null ? _narrow.TryHash(text, out _)
        : _anyText || (_taken is not null && !_bounded && _taken.Contains(kind));
}
