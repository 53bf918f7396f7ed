namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Where a CSV's bytes come from.</summary>
public abstract record CsvSource(string Name)
{
    /// <summary>How long a web server may take for its answer, and for each 64 KB of it, unless another time is given.</summary>
    public static readonly TimeSpan DefaultReadTimeout = TimeSpan.FromSeconds(60);

    /// <summary>A file; a pipe or a device is read as a stream, once.</summary>
    public static CsvSource File(string path) => new FileSource(path);

    /// <param name="readTimeout">How long the server may take for its answer, and for each 64 KB of it, before its connection is closed;
    /// 60 seconds by default.</param>
    public static CsvSource Web(Uri address, TimeSpan? readTimeout = null) => new WebSource(address, readTimeout ?? DefaultReadTimeout);

    /// <summary>Standard input, or another stream that can be read only once.</summary>
    public static CsvSource Once(string name, Func<Stream> open) => new SpooledSource(name, open);

    public sealed override string ToString() => Name;

    /// <summary>The file that is read, where there is one; nothing may be written to it.</summary>
    internal virtual string? FilePath => null;

    /// <summary>What tells it from other sources; never shown, as an address may have secrets in it.</summary>
    internal virtual string Identity => Name;

    /// <summary>Opens it from its beginning.</summary>
    internal abstract Task<OpenedSource> OpenAsync(CancellationToken stop);

    /// <summary>An address without its user and its query, in which signatures and passwords travel.</summary>
    internal static string WithoutSecrets(string source) =>
        Uri.TryCreate(source, UriKind.Absolute, out Uri? address) && !address.IsFile
            ? address.GetComponents(UriComponents.Scheme | UriComponents.Host | UriComponents.Port | UriComponents.Path,
                UriFormat.UriEscaped) : source;
}
