using System.IO.Hashing;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Mapping;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>Finds the import that a load with -Resume continues, by what its source holds.</summary>
/// <param name="ImportId">Null where the load is a new import.</param>
internal sealed record ResumableImport(Guid? ImportId, ResumedSource Source)
{
    /// <summary>
    /// Of the imports of a source of that name into the table the latest that has loaded the source's first bytes: it is continued, or
    /// refused as complete. Several sources can share a name: addresses that differ in their query alone, pipes, and files that are
    /// replaced.
    /// </summary>
    /// <exception cref="CitusException">The source has grown since it was loaded completely, or an interrupted import of another name
    /// has loaded its first bytes.</exception>
    public static async Task<ResumableImport> FindAsync(CsvImport import, CancellationToken stop)
    {
        await using NpgsqlConnection session = await import.Connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(import.Connection, session, import.Table, stop);
        string name = import.Source.Name;
        IReadOnlyList<ImportBatch> imports = [.. (await ImportLedger.FindAsync(session, target.Name.ToString(), name, stop))
            .Where(i => i.Source == name || i.Rows > 0 && i.Fingerprint.StartsWith(SourceCursor.FingerprintPrefix, StringComparison.Ordinal))];
        ImportBatch[] own = [.. imports.Where(i => i.Source == name)];
        var source = new ResumedSource(target.Name.ToString(), name, import.Source.Identity) { Known = own };
        // It is compared when it is continued.
        if (imports is [{ IsLast: false } only] && only.Source == name) return new(only.ImportId, source);
        List<(ImportBatch Import, bool HasMore)> loaded = imports.Count == 0 ? []
            : await LoadedAsync(import, imports, target, session.PostgreSqlVersion.Major < 18, stop);
        foreach (ImportBatch each in own)
        {
            if (loaded.FindIndex(l => l.Import == each) is >= 0 and int at)
            {
                if (!each.IsLast || !loaded[at].HasMore) return new(each.ImportId, source);
                if (!import.Truncate) throw ImportErrors.SourceGrown(import.Source, each);
            }
        }
        // Refused, as its source has changed.
        if (own is [{ IsLast: false } interrupted, ..]) return new(interrupted.ImportId, source);
        if (!import.Truncate && loaded.Find(l => l.Import.Source != name).Import is { } other)
            throw ImportErrors.OtherSource(import.Source, other);
        return new(null, source);
    }

    /// <summary>Which imports have loaded the source's first bytes, and whether it has more than those.</summary>
    private static async Task<List<(ImportBatch Import, bool HasMore)>> LoadedAsync(CsvImport import, IEnumerable<ImportBatch> imports,
        TableInfo target, bool dotEndsData, CancellationToken stop)
    {
        (CsvInput input, _) = await CsvPreamble.OpenAsync(import.Source, import.Dialect.Checked(), target, import.Shape, null, stop);
        await using (input)
        {
            var loaded = new List<(ImportBatch, bool)>();
            var hash = new XxHash3();
            byte[] buffer = new byte[256 * 1024];
            var rest = ReadOnlyMemory<byte>.Empty;
            long position = 0;
            foreach (ImportBatch each in imports.OrderBy(i => i.EndByte))
            {
                while (position < each.EndByte)
                {
                    if (rest.IsEmpty) rest = buffer.AsMemory(0, await input.ReadAsync(buffer, stop));
                    if (rest.IsEmpty) return loaded;
                    int count = (int)Math.Min(rest.Length, each.EndByte - position);
                    hash.Append(rest.Span[..count]);
                    (rest, position) = (rest[count..], position + count);
                }
                if (each.EndByte > 0 && SourceCursor.FingerprintOf(hash) != each.Fingerprint) continue;
                while (rest.Length < 2)
                {
                    rest.CopyTo(buffer);
                    int read = await input.ReadAsync(buffer.AsMemory(rest.Length), stop);
                    rest = buffer.AsMemory(0, rest.Length + read);
                    if (read == 0) break;
                }
                loaded.Add((each, !rest.IsEmpty && !(dotEndsData && rest.Span.StartsWith("\\."u8))));
            }
            return loaded;
        }
    }
}
