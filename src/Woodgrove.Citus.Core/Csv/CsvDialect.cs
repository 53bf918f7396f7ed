using System.Text;
using CsvHelper.Configuration;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Csv;

/// <summary>How a file is written; the defaults are PostgreSQL's own for CSV.</summary>
public sealed record CsvDialect
{
    /// <summary>Stands for no quoting: a backspace, which no text has.</summary>
    public const char NoQuote = '\b';

    public char Delimiter { get; init; } = ',';
    public char Quote { get; init; } = '"';

    /// <summary>The character that, before a quote, makes it part of the value; the quote itself by default.</summary>
    public char? Escape { get; init; }

    /// <summary>The unquoted text that stands for NULL; empty by default.</summary>
    public string NullValue { get; init; } = "";

    /// <summary>More such texts; COPY knows one only, so records are rewritten where there are more.</summary>
    public IReadOnlyList<string> OtherNullValues { get; init; } = [];

    public bool HasHeader { get; init; } = true;

    /// <summary>Lines above the header, or the first row, that are no part of the data.</summary>
    public int SkipLines { get; init; }

    /// <summary>The file's encoding where no byte order mark says another; UTF-8 by default.</summary>
    public Encoding? Encoding { get; init; }

    /// <summary>
    /// The longest record in bytes of UTF-8, 256 MB by default: more is taken for a quote that is never closed. COPY
    /// itself takes less than 1 GB.
    /// </summary>
    public int MaxRecordBytes { get; init; } = 256 * 1024 * 1024;

    public override string ToString() => $"delimiter {Delimiter}, quote {(Quote == NoQuote ? "none" : Quote)}, "
        + $"{(HasHeader ? "with" : "no")} header, {Encoding?.WebName ?? "utf-8"}";

    internal byte QuoteByte => (byte)Quote;
    internal byte EscapeByte => (byte)(Escape ?? Quote);

    /// <summary>The options of COPY that say the same.</summary>
    internal string CopyOptions()
    {
        var options = new StringBuilder("FORMAT csv, ENCODING 'UTF8'");
        if (HasHeader) options.Append(", HEADER true");
        options.Append(", DELIMITER ").Append(TableName.Literal(Delimiter.ToString()));
        options.Append(", QUOTE ").Append(TableName.Literal(Quote.ToString()));
        options.Append(", ESCAPE ").Append(TableName.Literal((Escape ?? Quote).ToString()));
        options.Append(", NULL ").Append(TableName.Literal(NullValue));
        return options.ToString();
    }

    internal CsvConfiguration ForCsvHelper() => new(System.Globalization.CultureInfo.InvariantCulture)
    {
        Delimiter = Delimiter.ToString(),
        Quote = Quote,
        Escape = Escape ?? Quote,
        HasHeaderRecord = false,
        BadDataFound = null,
        IgnoreBlankLines = false,
        CountBytes = false,
    };

    /// <summary>Refuses what PostgreSQL's COPY could not read.</summary>
    internal CsvDialect Checked()
    {
        foreach ((string parameter, char c) in new[] { ("Delimiter", Delimiter), ("Quote", Quote), ("Escape", Escape ?? Quote) })
        {
            if (!char.IsAscii(c) || c is '\0' or '\r' or '\n') throw CsvErrors.NotACharacter(parameter, c);
        }
        if (Delimiter == Quote) throw CsvErrors.DelimiterIsQuote(Quote);
        return this;
    }
}
