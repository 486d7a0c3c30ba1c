import cn.hutool.core.util.IdcardUtil;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Reads numbers, one a line; writes 1 where hutool-core accepts, else 0. */
public class Oracle {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder out = new StringBuilder();
        for (String number = in.readLine(); number != null; number = in.readLine())
            out.append(accepts(number) ? "1\n" : "0\n");
        System.out.print(out);
    }

    private static boolean accepts(String number) {
        try {
            return IdcardUtil.isValidCard(number);
        } catch (RuntimeException e) {
            return false;
        }
    }
}
