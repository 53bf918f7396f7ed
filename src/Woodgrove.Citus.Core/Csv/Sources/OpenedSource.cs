namespace Woodgrove.Citus.Csv.Sources;

/// <summary>A source's bytes as they come, and what is known of them before they are read.</summary>
internal sealed record OpenedSource(Stream Content)
{
    /// <summary>Its length in bytes, or null where it cannot be known.</summary>
    public long? Length { get; init; }

    /// <summary>What a web server calls the content, such as text/csv.</summary>
    public string? MediaType { get; init; }

    /// <summary>True where a web server says that it compressed the content on the way.</summary>
    public bool IsEncoded { get; init; }

    /// <summary>
    /// False where the end of the stream does not tell whether the content is whole: a web server that gives neither a
    /// length nor chunks just closes the connection, and so does one that breaks down.
    /// </summary>
    public bool IsEndProven { get; init; } = true;
}
