using System.Security.Cryptography;
using System.Text;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// The ids of a copy's imports, one for each table. All begin with the first sixteen digits of the copy's own id, and the
/// table's name decides the rest: so the copy, or any of its imports, names them all.
/// </summary>
internal static class CopyId
{
    private const int Shared = 8;

    public static Guid Of(Guid copy, TableName table)
    {
        byte[] id = copy.ToByteArray(bigEndian: true);
        SHA256.HashData(Encoding.UTF8.GetBytes(table.Sql)).AsSpan(0, id.Length - Shared).CopyTo(id.AsSpan(Shared));
        return new Guid(id, bigEndian: true);
    }
}
